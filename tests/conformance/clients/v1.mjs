// The TypeScript SDK, first generation, as many clients still ship it. Argument: {"transport", "url"} as JSON.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  ElicitRequestSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";

import { exercise, mailbox } from "./exercise.mjs";

const { transport: kind, url } = JSON.parse(process.argv[2]);
const Transport = { http: StreamableHTTPClientTransport, sse: SSEClientTransport }[kind];
const transport = new Transport(new URL(url));

const toolChanges = mailbox();
const updates = mailbox();
const client = new Client({ name: "typescript-v1", version: "1" }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, () => ({
  action: "accept",
  content: { username: "ada", email: "ada@example.org" },
}));
client.setNotificationHandler(ToolListChangedNotificationSchema, async () =>
  toolChanges.put((await client.listTools()).tools.map((tool) => tool.name)),
);
client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => updates.put(params.uri));
let revision;
const remember = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (version) => {
  revision = version;
  remember?.(version);
};

await client.connect(transport);
const seen = await exercise(client, {
  call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
  watch: (uri) => client.subscribeResource({ uri }),
  toolChanges,
  updates,
});
seen.revision = revision;
seen.server = client.getServerVersion()?.name;
await transport.terminateSession?.();
await client.close();
process.stdout.write(JSON.stringify(seen));

// The TypeScript SDK, second generation. Argument: {"transport", "url" | "command", "env", "mode"} as JSON.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { exercise, mailbox } from "./exercise.mjs";

const { transport, url, command, env, mode } = JSON.parse(process.argv[2]);
const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(url)),
  sse: () => new SSEClientTransport(new URL(url)),
  stdio: () => new StdioClientTransport({ command: command[0], args: command.slice(1), env, stderr: "inherit" }),
};

const toolChanges = mailbox();
const updates = mailbox();
const onChanged = (error, tools) => toolChanges.put(tools?.map((tool) => tool.name));
const client = new Client(
  { name: "typescript-v2", version: "1" },
  {
    capabilities: { elicitation: {} },
    listChanged: { tools: { onChanged, debounceMs: 0 } },
    ...(mode ? { versionNegotiation: { mode } } : {}),
  },
);
client.setRequestHandler("elicitation/create", () => ({
  action: "accept",
  content: { username: "ada", email: "ada@example.org" },
}));

client.setNotificationHandler("notifications/resources/updated", ({ params }) => updates.put(params.uri));

await client.connect(transports[transport]());
const seen = await exercise(client, {
  call: (name, args, options) => client.callTool({ name, arguments: args }, options),
  watch: (uri) =>
    client.getProtocolEra() === "modern"
      ? client.listen({ resourceSubscriptions: [uri] })
      : client.subscribeResource({ uri }),
  toolChanges,
  updates,
});
seen.revision = client.getNegotiatedProtocolVersion();
seen.server = client.getServerVersion()?.name;
await client.close();
process.stdout.write(JSON.stringify(seen));

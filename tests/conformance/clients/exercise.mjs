// What every client does with a server, whichever SDK and transport it uses. Prints one JSON object.

const ATTEMPTS = 60;
const PATIENCE_MS = 1_000;
const PATIENCE_S = 60;

/**
 * `put` is called by a notification handler; `next(act, fits)` resolves with what arrives after `act` and fits to what it
 * returned, null if nothing does. What comes late belongs to an earlier act, and does not fit.
 */
export function mailbox() {
  let put = () => {};
  const next = async (act, fits = () => true) => {
    const items = [];
    let look = () => {};
    put = (item) => {
      items.push(item);
      look();
    };
    const done = await act();
    let timer;
    const found = await new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, null);
      look = () => {
        const item = items.find((one) => one && fits(one, done));
        if (item) resolve({ item, done });
      };
      look();
    });
    clearTimeout(timer);
    return found;
  };
  return { put: (item) => put(item), next };
}

const text = (result) => result.content.map((block) => block.text).join("\n");

/**
 * `peer` hides what differs between the two SDKs:
 * `call(name, arguments, options)`, `watch(uri)`, and the mailboxes `toolChanges` and `updates`.
 */
export async function exercise(client, peer) {
  const { call } = peer;
  const seen = {};
  seen.tools = (await client.listTools()).tools.map((tool) => tool.name);
  seen.prompts = (await client.listPrompts()).prompts.map((prompt) => prompt.name);
  seen.resources = (await client.listResources()).resources.map((resource) => resource.uri);
  seen.echo = text(await call("echo", { text: "fuse", times: 2 }));
  seen.read = (await client.readResource({ uri: "test://template/7/data" })).contents[0].text;
  seen.prompt = (await client.getPrompt({ name: "test_simple_prompt" })).messages[0].content.text;

  const failed = await call("test_error_handling", {});
  seen.failure = { isError: failed.isError, text: text(failed) };
  const wrong = await call("echo", {}).catch((error) => error);
  seen.wrongArguments = wrong instanceof Error ? { code: wrong.code } : { isError: wrong.isError, text: text(wrong) };
  seen.unknownTool = await call("no_such_tool", {}).then(
    () => null,
    (error) => error.code,
  );

  seen.progress = await answerToProgress(call);
  seen.elicited = text(await call("test_elicitation", { message: "Who are you?" }));
  seen.cancelled = await cancelOnProgress(call);
  seen.change = await watchOneChange(peer);
  await peer.watch("test://watched-resource");
  seen.update = (await untilArrived(peer.updates, () => call("trigger_resource_update", {})))?.item;
  return seen;
}

// The tool ends only when another call tells it to, so its progress must have come while it was running.
async function answerToProgress(call) {
  const reports = [];
  const onprogress = ({ progress, total, message }) => {
    reports.push([progress, total, message]);
    call("send_signal", {});
  };
  return { reports, end: text(await call("wait_for_signal", { within: PATIENCE_S }, { onprogress })) };
}

async function cancelOnProgress(call) {
  const abort = new AbortController();
  const options = { signal: abort.signal, onprogress: () => abort.abort("changed my mind") };
  const outcome = await call("wait_for_cancel", {}, options).then(
    () => "answered",
    () => "aborted",
  );
  return { outcome, seenByTheTool: text(await call("was_cancelled", { within: PATIENCE_S })) };
}

async function watchOneChange({ call, toolChanges }) {
  const listed = (tools) => tools.includes("extra_tools_tool");
  const there = (done) => text(done) === "The tool is there";
  const fits = (tools, done) => listed(tools) === there(done);
  const change = await untilArrived(toolChanges, () => call("test_trigger_tool_change", {}), fits);
  return change && { listed: listed(change.item), there: there(change.done) };
}

// On the older revisions a notification is lost while the client's listening stream is still being opened: try again.
async function untilArrived(box, act, fits) {
  let found = null;
  for (let attempt = 1; !found && attempt <= ATTEMPTS; attempt++) found = await box.next(act, fits);
  return found;
}

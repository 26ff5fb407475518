// A city by its front door, with Node and no package. A key, where the city wants one, is in GRIDLEDGER_KEY.
//
//   node city.mjs ADDRESS report CATEGORY COMMUNITY    reports an incident, and prints its life
//   node city.mjs ADDRESS figures [INSTANT]            prints counts and rates
//   node city.mjs ADDRESS follow [SECONDS]             prints what happens, as it does
import { randomUUID } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";

const [address, act, ...words] = process.argv.slice(2);
const key = process.env.GRIDLEDGER_KEY;

async function ask(path, { body, headers = {}, ...more } = {}) {
  const answer = await fetch(address + path, {
    method: body ? "POST" : "GET",
    body: body && JSON.stringify(body),
    headers: {
      ...headers,
      ...(body ? { "Content-Type": "application/json" } : {}),
      ...(key ? { Authorization: `Bearer ${key}` } : {}),
    },
    ...more,
  });
  if (answer.ok) return answer;
  const error = new Error(`${answer.status}: ${await answer.text()}`); // what is wrong, by RFC 9457
  error.again = answer.headers.get("Retry-After");
  throw error;
}

async function report(category, community) {
  const body = { category, community, channel: "node" };
  // One a report: whatever is sent again with it counts once.
  const headers = { "Idempotency-Key": randomUUID() };
  for (let attempt = 0; ; ++attempt) {
    try {
      const { id } = await (await ask("/api/v1/incidents", { body, headers })).json();
      return (await ask(`/api/v1/incidents/${encodeURIComponent(id)}`)).text();
    } catch (error) {
      if (!error.again || attempt === 4) throw error;
      await after(Number(error.again) * 1000);
    }
  }
}

async function figures(instant = "") {
  return (await ask(`/api/v1/metrics?${new URLSearchParams({ as_of: instant })}`)).text();
}

// Server-sent events: an event ends with an empty line.
async function follow(seconds = "3600") {
  const signal = AbortSignal.timeout(Number(seconds) * 1000);
  try {
    let rest = "";
    const stream = (await ask("/api/v1/stream", { signal })).body.pipeThrough(new TextDecoderStream());
    for await (const piece of stream) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data:")) console.log(line.slice(5).trim());
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return "";
}

const acts = { report, figures, follow };
if (!(act in acts)) {
  console.error("node city.mjs ADDRESS report CATEGORY COMMUNITY | figures [INSTANT] | follow [SECONDS]");
  process.exit(2);
}
try {
  process.stdout.write(await acts[act](...words));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

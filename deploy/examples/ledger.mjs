#!/usr/bin/env node
// A city's ledger on Kafka, read and written by a program in JavaScript.
//
//   ledger.mjs read   BOOTSTRAP TOPIC                            prints every record there is, a line each
//   ledger.mjs report BOOTSTRAP TOPIC COMMUNITY CATEGORY ID      reports an incident, verified and filed
//
// Needs `npm ci` in this folder, and the language: gridledger.binpb beside this file, or as
// GRIDLEDGER_LANGUAGE names it. The ledger is packed with LZ4, which kafkajs leaves to a codec; its own
// partitioner is Kafka's murmur2 of the key, as it has to be.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

import kafkajs from 'kafkajs';
import lz4 from 'lz4js';
import protobuf from 'protobufjs';
import 'protobufjs/ext/descriptor/index.js';

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});

function entryType() {
  const path = process.env.GRIDLEDGER_LANGUAGE ?? new URL('gridledger.binpb', import.meta.url);
  return protobuf.Root.fromDescriptor(readFileSync(path)).lookupType('gridledger.v1.Entry');
}

const client = (bootstrap) =>
  new Kafka({ clientId: 'example', brokers: bootstrap.split(','), logLevel: logLevel.ERROR });

async function read(bootstrap, topic) {
  const entry = entryType();
  const kafka = client(bootstrap);
  const admin = kafka.admin();
  await admin.connect();
  let left = 0n;
  for (const one of await admin.fetchTopicOffsets(topic)) left += BigInt(one.high) - BigInt(one.low);
  await admin.disconnect();
  if (left === 0n) return;
  // kafkajs reads in a group only; nothing is committed, so every run begins anew.
  const consumer = kafka.consumer({ groupId: `example-${randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, (event) => reject(event.payload.error));
    consumer
      .run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          let body = 'unreadable'; // a dead letter: it stops nobody
          try {
            body = entry.toObject(entry.decode(message.value), { longs: String, enums: String });
          } catch {}
          console.log(partition, message.offset, String(message.headers.ce_type ?? ''), JSON.stringify(body));
          left -= 1n;
          if (left === 0n) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
}

async function report(bootstrap, topic, community, category, incident) {
  const entry = entryType();
  const record = (name, stage, content) => {
    const fact = { incident_id: incident, stage, happened_at_ms: Date.now(), [name]: content };
    const type = entry.root.lookupType('gridledger.v1.Fact').fields[name].resolvedType;
    return {
      key: community,
      value: Buffer.from(entry.encode(entry.fromObject({ schema: 1, fact })).finish()),
      headers: {
        ce_specversion: '1.0',
        'content-type': 'application/protobuf',
        ce_type: type.fullName.slice(1),
        ce_source: '/example',
        ce_id: randomUUID(),
      },
    };
  };
  const producer = client(bootstrap).producer({ idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  // Each fact names the stage of the case that it was decided on.
  await producer.send({
    topic,
    acks: -1,
    messages: [
      record('reported', 0, { category, community }),
      record('verified', 1, { confirmed: true }),
      record('filed', 2, {}),
    ],
  });
  await producer.disconnect();
}

const [act, ...words] = process.argv.slice(2);
if (act === 'read' && words.length === 2) {
  await read(...words);
} else if (act === 'report' && words.length === 5) {
  await report(...words);
} else {
  console.error('ledger.mjs read BOOTSTRAP TOPIC | report BOOTSTRAP TOPIC COMMUNITY CATEGORY ID');
  process.exit(2);
}

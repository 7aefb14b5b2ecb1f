// What the JavaScript client MQTT.js does with the broker: 3.1.1 and 5.0, over WebSocket and TCP.
//
// Called by main.rs with the URLs; INTEROP_NODE is the directory in which `mqtt` is installed. Prints `ok NAME` or
// `FAILED NAME: why` for each check.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const mqtt = createRequire(`${process.env.INTEROP_NODE}/`)('mqtt')
const urls = process.argv.slice(2)
const PATIENCE_MS = 20_000
const QUIET_MS = 300

function inTime(what, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} in time`)), PATIENCE_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

class Client {
  static async connect(clientId, protocolVersion, url, options = {}) {
    const client = new Client()
    client.messages = []
    client.waiting = []
    client.mqtt = mqtt.connect(url, { clientId, protocolVersion, reconnectPeriod: 0, ...options })
    client.mqtt.on('error', (error) => { client.error = error })
    client.mqtt.on('message', (topic, payload, packet) => {
      const wait = client.waiting.shift()
      if (wait) wait(packet)
      else client.messages.push(packet)
    })
    client.connack = await inTime('CONNACK', new Promise((resolve, reject) => {
      client.mqtt.once('connect', resolve)
      client.mqtt.once('error', reject)
    }))
    return client
  }

  message() {
    const packet = this.messages.shift()
    return packet ?? inTime('message', new Promise((resolve) => this.waiting.push(resolve)))
  }

  async nothing() {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    assert.deepEqual(this.messages.map((m) => `${m.topic} ${m.payload}`), [])
  }

  subscribe(topic, options) {
    return inTime('SUBACK', this.mqtt.subscribeAsync(topic, options))
  }

  publish(topic, payload, options) {
    return inTime('acknowledgement', this.mqtt.publishAsync(topic, payload, options))
  }

  leave() {
    return inTime('end', this.mqtt.endAsync())
  }

  // Ends the connection without DISCONNECT.
  vanish() {
    this.mqtt.stream.destroy()
  }
}

async function eachQos(name, version, url) {
  const a = await Client.connect(name, version, url)
  for (const qos of [0, 1, 2]) {
    await a.subscribe(`${name}/${qos}`, { qos })
    for (const payload of [Buffer.from('text'), Buffer.alloc(300_000, 'x')]) {
      await a.publish(`${name}/${qos}`, payload, { qos })
      const message = await a.message()
      assert.equal(message.qos, qos)
      assert.ok(payload.equals(message.payload))
    }
  }
  await a.leave()
}

async function manyAtOnce(name, version, url) {
  const a = await Client.connect(name, version, url)
  await a.subscribe(`${name}/#`, { qos: 2 })
  const all = [...Array(600).keys()]
  const sent = all.map((n) => a.publish(`${name}/${n % 3}`, `${n}`, { qos: n % 3 }))
  const got = []
  for (const _ of all) got.push(Number((await a.message()).payload))
  await Promise.all(sent)
  for (const qos of [0, 1, 2]) {
    assert.deepEqual(got.filter((n) => n % 3 === qos), all.filter((n) => n % 3 === qos))
  }
  await a.leave()
}

async function retained(name, version, url) {
  const a = await Client.connect(name, version, url)
  await a.publish(`${name}/kept`, '1', { qos: 1, retain: true })
  await a.subscribe(`${name}/+`, { qos: 1 })
  const message = await a.message()
  assert.deepEqual([`${message.payload}`, message.retain], ['1', true])
  await a.publish(`${name}/kept`, '', { qos: 1, retain: true })
  assert.equal(`${(await a.message()).payload}`, '')
  await a.mqtt.unsubscribeAsync(`${name}/+`)
  await a.subscribe(`${name}/+`, { qos: 1 })
  await a.nothing()
  await a.leave()
}

async function wills(name, version, url) {
  const watcher = await Client.connect(`${name}-watcher`, version, url)
  await watcher.subscribe(`${name}/will`, { qos: 1 })
  const will = { topic: `${name}/will`, payload: Buffer.from('gone'), qos: 1, retain: false }
  const peaceful = await Client.connect(name, version, url, { will })
  await peaceful.leave()
  await watcher.nothing()
  const victim = await Client.connect(name, version, url, { will })
  victim.vanish()
  assert.equal(`${(await watcher.message()).payload}`, 'gone')
  await watcher.leave()
}

async function sessions(name, version, url) {
  const kept = { clean: false }
  if (version === 5) kept.properties = { sessionExpiryInterval: 3600 }
  const a = await Client.connect(name, version, url, kept)
  assert.equal(a.connack.sessionPresent, false)
  await a.subscribe(`${name}/q`, { qos: 2 })
  await a.leave()
  const b = await Client.connect(`${name}-other`, version, url)
  for (let n = 0; n < 20; n++) await b.publish(`${name}/q`, `${n}`, { qos: 1 + (n % 2) })
  const again = await Client.connect(name, version, url, kept)
  assert.equal(again.connack.sessionPresent, true)
  const got = []
  for (let n = 0; n < 20; n++) got.push(Number((await again.message()).payload))
  // MQTT.js hands QoS 2 on at PUBREL, so the two have an order each.
  for (const odd of [0, 1]) {
    assert.deepEqual(got.filter((n) => n % 2 === odd), [...Array(20).keys()].filter((n) => n % 2 === odd))
  }
  await again.leave()
  await b.leave()
}

async function shared(name, version, url) {
  const clients = []
  for (const n of [0, 1, 2]) clients.push(await Client.connect(`${name}-${n}`, version, url))
  for (const client of clients.slice(0, 2)) await client.subscribe(`$share/group/${name}/work`, { qos: 1 })
  for (let n = 0; n < 20; n++) await clients[2].publish(`${name}/work`, `${n}`, { qos: 1 })
  const got = []
  for (const client of clients.slice(0, 2)) {
    for (let n = 0; n < 10; n++) got.push(Number((await client.message()).payload))
  }
  assert.deepEqual(got.sort((x, y) => x - y), [...Array(20).keys()])
  for (const client of clients) {
    await client.nothing()
    await client.leave()
  }
}

async function properties(name, version, url) {
  const a = await Client.connect(name, version, url)
  await a.subscribe(`${name}/p`, { qos: 1, properties: { subscriptionIdentifier: 42 } })
  const sent = {
    payloadFormatIndicator: true,
    messageExpiryInterval: 100,
    contentType: 'text/plain',
    responseTopic: 'answer/here',
    correlationData: Buffer.from([0, 255]),
    userProperties: { b: ['1', '3'], a: '2' },
  }
  await a.publish(`${name}/p`, 'x', { qos: 1, properties: sent })
  const got = (await a.message()).properties
  assert.equal(got.subscriptionIdentifier, 42)
  for (const [field, value] of Object.entries(sent)) {
    assert.equal(JSON.stringify(got[field]), JSON.stringify(value), field)
  }
  await a.leave()
}

async function aliases(name, version, url) {
  const options = { autoAssignTopicAlias: true, properties: { topicAliasMaximum: 5 } }
  const a = await Client.connect(name, version, url, options)
  await a.subscribe(`${name}/#`, { qos: 1 })
  for (const n of [...Array(12).keys()]) {
    await a.publish(`${name}/long/${n % 3}`, `${n}`, { qos: 1 })
    const message = await a.message()
    assert.equal(`${message.payload}`, `${n}`)
  }
  await a.leave()
}

async function takenOver(name, version, url) {
  const first = await Client.connect(name, version, url)
  const told = inTime('DISCONNECT', new Promise((resolve) => first.mqtt.once('disconnect', resolve)))
  const second = await Client.connect(name, version, url)
  assert.equal((await told).reasonCode, 0x8e)
  await first.leave()
  await second.leave()
}

async function assignedId(name, version, url) {
  const a = await Client.connect('', version, url)
  assert.ok(a.connack.properties.assignedClientIdentifier)
  await a.leave()
}

const all = { eachQos, manyAtOnce, retained, wills, sessions, shared }
const only5 = { properties, aliases, takenOver, assignedId }
let failed = false
for (const [versionName, version] of [['3.1.1', 4], ['5.0', 5]]) {
  for (const url of urls) {
    for (const [test, run] of Object.entries(version === 5 ? { ...all, ...only5 } : all)) {
      const name = `${test}-${versionName}-${new URL(url).protocol.slice(0, -1)}`
      try {
        await run(name, version, url)
        console.log(`ok ${name}`)
      } catch (error) {
        failed = true
        console.log(`FAILED ${name}: ${`${error.stack}`.replaceAll('\n', ' ')}`)
      }
    }
  }
}
process.exit(failed ? 1 : 0)

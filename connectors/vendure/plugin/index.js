'use strict';
// Tells segmentd which orders and customers changed, and keeps when a customer said yes or no to marketing.
//
// A message names a thing and nothing more: segmentd reads it from the store. Messages wait in the store's own job queue,
// so they survive a restart of the store and are tried again. Where they go, and the secret that signs them, segmentd
// writes into the global settings when the store is connected.

const crypto = require('crypto');
const {
  Customer, CustomerEvent, EventBus, GlobalSettings, JobQueueService, OrderEvent, OrderLineEvent, OrderPlacedEvent,
  OrderStateTransitionEvent, PaymentStateTransitionEvent, Permission, PluginCommonModule, RefundStateTransitionEvent,
  TransactionalConnection, VendurePlugin,
} = require('@vendure/core');

const ORDER_EVENTS = [
  OrderEvent, OrderLineEvent, OrderPlacedEvent, OrderStateTransitionEvent, PaymentStateTransitionEvent,
  RefundStateTransitionEvent,
];
/** A message that was not taken is tried again so often; between two tries the job queue waits by its own setting. */
const RETRIES = 20;
/** An answer is waited for so long, milliseconds. */
const PATIENCE = 10_000;

class SegmentdPlugin {
  /** `consentField`: the boolean custom field of customers that says yes or no; added if the store has none. */
  static init({ consentField = 'acceptsMarketing' } = {}) {
    SegmentdPlugin.consentField = consentField;
    return SegmentdPlugin;
  }

  constructor(bus, jobs, connection) {
    Object.assign(this, { bus, jobs, connection });
  }

  async onModuleInit() {
    this.queue = await this.jobs.createQueue({ name: 'segmentd', process: job => this.post(job.data) });
    // Guests who order again are changed without an event: what is written to the table tells of all.
    this.connection.rawConnection.subscribers.push(this);
    // Who says again what they said before changes nothing in the table.
    this.bus.registerBlockingEventHandler({ event: CustomerEvent, id: 'segmentd-consent', handler: e => this.noteConsent(e) });
  }

  onApplicationBootstrap() {
    for (const event of ORDER_EVENTS) this.bus.ofType(event).subscribe(e => this.tell(event.name, 'order', e.order?.id));
    this.bus.ofType(CustomerEvent).subscribe(e => this.tell(CustomerEvent.name, 'customer', e.entity?.id));
  }

  listenTo() {
    return Customer;
  }

  beforeInsert({ entity }) {
    if (entity?.customFields?.[SegmentdPlugin.consentField]) this.stamp(entity);
  }

  beforeUpdate({ entity, databaseEntity }) {
    const [now, before] = [entity, databaseEntity].map(one => one?.customFields?.[SegmentdPlugin.consentField]);
    if (typeof now === 'boolean' && now !== Boolean(before)) this.stamp(entity);
  }

  stamp(customer) {
    customer.customFields[`${SegmentdPlugin.consentField}At`] = new Date();
  }

  async noteConsent({ ctx, entity, type, input }) {
    const field = SegmentdPlugin.consentField;
    if (type !== 'updated' || typeof input?.customFields?.[field] !== 'boolean') return;
    await this.connection.getRepository(ctx, Customer).update(entity.id, { customFields: { [`${field}At`]: new Date() } });
  }

  async target() {
    const [settings] = await this.connection.rawConnection.getRepository(GlobalSettings).find({ take: 1 });
    return { url: settings?.customFields?.segmentdUrl, secret: settings?.customFields?.segmentdSecret };
  }

  async tell(topic, kind, id) {
    if (id == null) return;
    try {
      const { url } = await this.target();
      if (url) await this.queue.add({ id: crypto.randomUUID(), topic, kind, of: String(id), at: new Date().toISOString() }, { retries: RETRIES });
    } catch (why) {
      // The store goes on; segmentd's polls find what was not told.
      console.error(`segmentd: ${topic} ${id} can't be queued: ${why.message}`);
    }
  }

  async post(message) {
    const { url, secret } = await this.target();
    if (!url || !secret) return;
    const body = JSON.stringify(message);
    const signature = crypto.createHmac('sha256', secret).update(body).digest('hex');
    const answer = await fetch(url, {
      method: 'POST', body, redirect: 'error', signal: AbortSignal.timeout(PATIENCE),
      headers: { 'content-type': 'application/json', 'x-store-signature': signature },
    });
    if (!answer.ok) throw new Error(`segmentd answered ${answer.status}`);
  }
}

function configuration(config) {
  const field = SegmentdPlugin.consentField;
  const { Customer: customer = [], GlobalSettings: settings = [] } = config.customFields;
  const has = name => customer.some(known => known.name === name);
  const added = [
    { name: field, type: 'boolean', defaultValue: false, public: true },
    { name: `${field}At`, type: 'datetime', nullable: true, public: false, readonly: true },
  ];
  const hidden = { type: 'string', nullable: true, public: false, length: 1000, requiresPermission: Permission.UpdateGlobalSettings };
  config.customFields = {
    ...config.customFields,
    Customer: [...customer, ...added.filter(one => !has(one.name))],
    GlobalSettings: [...settings, { name: 'segmentdUrl', ...hidden }, { name: 'segmentdSecret', ...hidden }],
  };
  return config;
}

SegmentdPlugin.consentField = 'acceptsMarketing';
Reflect.defineMetadata('design:paramtypes', [EventBus, JobQueueService, TransactionalConnection], SegmentdPlugin);
VendurePlugin({ imports: [PluginCommonModule], configuration, compatibility: '^3.4.0' })(SegmentdPlugin);

module.exports = { SegmentdPlugin };

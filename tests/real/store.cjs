'use strict';
// A small store in Mexico for the tests: `seed` fills an empty database, `serve` answers at 127.0.0.1:PORT until SIGTERM.
const path = require('path');
const vendure = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const { SegmentdPlugin } = require('segmentd-vendure-plugin');

const settings = {
  apiOptions: { hostname: '127.0.0.1', port: Number(process.env.PORT || 0), adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: {
    tokenMethod: ['bearer', 'api-key'],
    requireVerification: false,
    superadminCredentials: { identifier: 'owner', password: process.env.STORE_PASSWORD },
    cookieOptions: { secret: process.env.STORE_PASSWORD },
  },
  dbConnectionOptions: { type: 'better-sqlite3', synchronize: true, database: path.join(process.env.STORE_DATA, 'store.sqlite') },
  paymentOptions: { paymentMethodHandlers: [vendure.dummyPaymentHandler] },
  importExportOptions: { importAssetsDir: process.env.STORE_DATA },
  logger: new vendure.DefaultLogger({ level: vendure.LogLevel.Warn }),
  plugins: [
    SegmentdPlugin.init(),
    vendure.DefaultJobQueuePlugin.init({ pollInterval: 50, backoffStrategy: (_queue, attempts) => 300 * attempts }),
  ],
};

const initial = {
  defaultLanguage: vendure.LanguageCode.en,
  defaultZone: 'North America',
  countries: [{ name: 'Mexico', code: 'MX', zone: 'North America' }],
  taxRates: [{ name: 'VAT', percentage: 16 }],
  shippingMethods: [{ name: 'Parcel', price: 9900 }],
  paymentMethods: [
    { name: 'Test', handler: { code: 'dummy-payment-handler', arguments: [{ name: 'automaticSettle', value: 'true' }] } },
  ],
  collections: [],
};

async function seed() {
  const app = await populate(() => vendure.bootstrap(settings), initial, path.join(__dirname, 'catalogue.csv'));
  await app.close();
}

async function serve() {
  const app = await vendure.bootstrap(settings);
  await app.get(vendure.JobQueueService).start();
  process.on('SIGTERM', () => app.close().finally(() => process.exit(0)));
  console.log('READY');
}

const done = process.argv[2] === 'seed' ? seed().then(() => process.exit(0)) : serve();
done.catch(why => {
  console.error(why);
  process.exit(1);
});

// Checked by `npm run check`, never run: the types as a user meets them.
import { Client, ClientError, Message, type Cursor, type Gap } from '@adred-codev/ws-client';

interface Trade {
  price: number;
}

const stored: Cursor = JSON.parse('{"trade":{"log":"9f3c","at":[1,-1]}}');
const client = new Client('ws://localhost:3005/ws', {
  WebSocket, // a browser's fits
  cursor: stored,
  getToken: async () => 'a.b.c',
  backoff: { maxMs: 5000 },
});

const off: () => void = client.on('message', (message) => {
  const trade = message as Message<Trade>;
  const price: number | undefined = trade.data?.price;
  const bytes: Uint8Array | null = message.bytes();
  console.log(price, bytes?.length, message.offset.toFixed());
});
client.on('gap', (gap: Gap) => console.log(gap.from ?? gap.log));
client.on('notRecovered', (events) => events.map((event) => event.toUpperCase()));
client.on('close', ({ code, final }) => (final ? code : 0));
client.on('error', (error) => error instanceof ClientError && error.code === 'CHANNEL_INVALID');
client.connect();

const { lost } = await client.subscribe(['BTC.trade', '*.liquidity'], { last: 10 });
const { count } = await client.unsubscribe();
client.cursor = client.cursor;
console.log(lost.length + count, client.stats().states.waiting, client.channels.length);
off();
client.close();

// @ts-expect-error: no such event
client.on('mesage', () => {});
// @ts-expect-error: channels are a list
client.subscribe('BTC.trade');
// @ts-expect-error: the state is read only
client.state = 'open';

import { Client } from '../client.js';
import { scenario } from './scenario.js';

const CASE_MS = 60_000;

function limited(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${CASE_MS / 1000} s`)), CASE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function run(all) {
  const cases = [];
  let broken = false;
  for (const { name, run } of all) {
    if (broken) {
      cases.push({ name, ok: false, ms: 0, error: 'not run: a case before it failed' });
      continue;
    }
    const start = performance.now();
    const error = await limited(run()).then(() => undefined, (reason) => String(reason?.message ?? reason));
    cases.push({ name, ok: error === undefined, ms: Math.round(performance.now() - start), error });
    broken = error !== undefined;
  }
  return cases;
}

const query = new URLSearchParams(location.search);
let cases;
try {
  cases = await run(scenario({ Client, WebSocket, url: query.get('ws'), symbol: query.get('symbol') ?? undefined }));
} catch (error) {
  cases = [{ name: 'starts', ok: false, ms: 0, error: String(error) }];
}
const failed = cases.filter(({ ok }) => !ok).length;
window.__result = { passed: cases.length - failed, failed, cases };
document.getElementById('result').textContent = JSON.stringify(window.__result);
document.title = failed === 0 ? 'passed' : 'failed';

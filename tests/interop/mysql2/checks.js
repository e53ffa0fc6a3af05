// The checks. Each is given a connection that is closed after it, and the target.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const { Readable } = require('node:stream');
const types = require('./types.js');

// fails expects an error of the server.
async function fails(errno, sqlState, promise) {
  let e;
  try {
    await promise;
  } catch (error) {
    e = error;
  }
  assert.ok(e, `no error, want ${errno}`);
  assert.deepStrictEqual([e.errno, e.sqlState], [errno, sqlState], e.message);
}

async function rows(c, sql, args) {
  const [result] = args ? await c.execute(sql, args) : await c.query(sql);
  return result.map((r) => Object.values(r).map((v) => (v === null ? null : String(v))));
}

async function accounts(c) {
  await c.query('DROP TABLE IF EXISTS accounts');
  await c.query('CREATE TABLE accounts (id INT NOT NULL PRIMARY KEY, balance INT NOT NULL)');
  const [r] = await c.query('INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100), (4, 100)');
  assert.strictEqual(r.affectedRows, 4);
}

const sum = async (c) => (await rows(c, 'SELECT SUM(balance) FROM accounts'))[0][0];

async function prepared_reuse(c) {
  await accounts(c);
  const s = await c.prepare('SELECT id, balance FROM accounts WHERE id = ? OR balance > ?');
  for (let i = 1; i <= 20; i++) {
    const [r] = await s.execute([(i % 4) + 1, 1000]);
    assert.strictEqual(r[0].id, (i % 4) + 1);
  }
  const [none] = await s.execute([null, 1000]);
  assert.strictEqual(none.length, 0);
  await s.close();
  // mysql2 sends every number as a DOUBLE.
  assert.deepStrictEqual(await rows(c, 'SELECT id FROM accounts ORDER BY id LIMIT ?', [2]), [['1'], ['2']]);
  assert.deepStrictEqual(await rows(c, 'SELECT id FROM accounts ORDER BY id LIMIT ?, ?', [1, '2']), [['2'], ['3']]);
}

async function transactions(c, target) {
  await accounts(c);
  const other = await target.open();
  try {
    await c.beginTransaction();
    await c.execute('UPDATE accounts SET balance = balance - 10 WHERE id = ?', [1]);
    await c.execute('UPDATE accounts SET balance = balance + 20 WHERE id = ?', [2]);
    assert.strictEqual(await sum(c), '410');
    assert.strictEqual(await sum(other), '400');
    await c.rollback();
    assert.strictEqual(await sum(c), '400');
    await c.beginTransaction();
    await c.query('UPDATE accounts SET balance = balance + 1');
    await c.query('SAVEPOINT half');
    await c.query('DELETE FROM accounts WHERE id IN (1, 2, 3)');
    assert.strictEqual(await sum(c), '101');
    await c.query('ROLLBACK TO SAVEPOINT half');
    await c.commit();
    assert.strictEqual(await sum(other), '404');
  } finally {
    other.destroy();
  }
}

async function stream(c, target) {
  for (const sql of [`SELECT * FROM ${target.big} WHERE id <= 100000 ORDER BY id`, `SELECT * FROM ${target.big} WHERE id <= 100000`]) {
    let n = 0;
    let total = 0;
    for await (const row of c.connection.query(sql).stream()) {
      n++;
      total += row.id;
    }
    assert.deepStrictEqual([n, total], [100000, 5000050000]);
  }
}

async function generated_keys(c) {
  await c.query('DROP TABLE IF EXISTS events');
  await c.query('CREATE TABLE events (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20))');
  const [one] = await c.query("INSERT INTO events (what) VALUES ('a')");
  const [three] = await c.query("INSERT INTO events (what) VALUES ('b'), ('c'), ('d')");
  const [prepared] = await c.execute('INSERT INTO events (what) VALUES (?)', ['e']);
  assert.ok(one.insertId > 0 && three.insertId > one.insertId && prepared.insertId >= three.insertId + 3);
  assert.deepStrictEqual(await rows(c, 'SELECT what, id FROM events ORDER BY what'), [
    ['a', one.insertId], ['b', three.insertId], ['c', three.insertId + 1], ['d', three.insertId + 2], ['e', prepared.insertId],
  ].map((r) => r.map(String)));
  assert.deepStrictEqual(await rows(c, 'SELECT LAST_INSERT_ID()'), [[String(prepared.insertId)]]);
}

// Snowflake ids do not fit a double: the driver gives a string for them.
async function generated_big_keys(_, target) {
  const c = await target.open({ supportBigNumbers: true });
  try {
    await c.query('DROP TABLE IF EXISTS flakes');
    await c.query('CREATE TABLE flakes (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20))');
    const [r] = await c.query("INSERT INTO flakes (what) VALUES ('a'), ('b')");
    assert.deepStrictEqual(await rows(c, 'SELECT id FROM flakes ORDER BY id'),
      [[String(r.insertId)], [String(BigInt(r.insertId) + 1n)]]);
  } finally {
    c.destroy();
  }
}

async function errors(c, target) {
  await accounts(c);
  await fails(1062, '23000', c.query('INSERT INTO accounts VALUES (1, 1)'));
  await fails(1062, '23000', c.execute('INSERT INTO accounts VALUES (?, ?)', [2, 2]));
  await fails(1146, '42S02', c.query('SELECT * FROM missing'));
  await fails(1146, '42S02', c.execute('SELECT * FROM missing WHERE id = ?', [1]));
  await fails(1054, '42S22', c.query('SELECT nothing FROM accounts WHERE id = 1'));
  await fails(1064, '42000', c.query('SELEC 1'));
  await fails(1064, '42000', c.execute('SELEC 1'));
  await fails(1045, '28000', target.open({ user: 'native', password: 'wrong' }));
  await fails(1045, '28000', target.open({ user: 'nobody', password: 'x' }));
  await fails(1049, '42000', target.open({ database: 'no_such_database' }));
  await fails(1049, '42000', c.query('USE no_such_database'));
  assert.deepStrictEqual(await rows(c, 'SELECT 1'), [['1']]);
}

async function batch(c) {
  await c.query('DROP TABLE IF EXISTS batches');
  await c.query('CREATE TABLE batches (id INT NOT NULL PRIMARY KEY, v VARCHAR(50))');
  const values = Array.from({ length: 2000 }, (_, i) => [i, `v'${i}\\`]);
  const [r] = await c.query('INSERT INTO batches (id, v) VALUES ?', [values]);
  assert.strictEqual(r.affectedRows, 2000);
  assert.deepStrictEqual(await rows(c, "SELECT COUNT(*), SUM(id), SUM(v = CONCAT('v''', id, '\\\\')) FROM batches"), [['2000', '1999000', '2000']]);
}

async function multi_statements(c, target) {
  await fails(1064, '42000', c.query('SELECT 1; SELECT 2'));
  const m = await target.open({ multipleStatements: true });
  try {
    await accounts(m);
    const [r] = await m.query('SELECT 1 AS a; UPDATE accounts SET balance = 5; SELECT COUNT(*) AS n FROM accounts WHERE balance = 5');
    assert.deepStrictEqual([r[0][0].a, r[1].affectedRows, r[2][0].n], [1, 4, 4]);
    await fails(1146, '42S02', m.query('SELECT 1; SELECT * FROM missing; SELECT 3'));
    assert.deepStrictEqual(await rows(m, 'SELECT 4'), [['4']]);
  } finally {
    m.destroy();
  }
}

async function metadata(c, target) {
  await accounts(c);
  const [, fields] = await c.query('SELECT id AS x, balance + 1 AS y FROM accounts a');
  assert.deepStrictEqual(fields.map((f) => [f.name, f.orgName, f.table, f.orgTable, f.schema]),
    [['x', 'id', 'a', 'accounts', target.config.database], ['y', '', '', '', '']]);
  const [, prepared] = await c.execute('SELECT id AS x FROM accounts a WHERE id > ?', [0]);
  assert.deepStrictEqual(prepared.map((f) => [f.name, f.orgName, f.table, f.orgTable, f.schema]),
    [['x', 'id', 'a', 'accounts', target.config.database]]);
}

async function session_variables(_, target) {
  const c = await target.open({ timezone: '+02:00', charset: 'utf8mb4_unicode_ci' });
  try {
    await c.query("SET time_zone = '+02:00', sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES', @mine = 7");
    assert.deepStrictEqual(await rows(c, 'SELECT @@time_zone, @@sql_mode, @mine, @@collation_connection'),
      [['+02:00', 'ANSI_QUOTES,STRICT_ALL_TABLES', '7', 'utf8mb4_unicode_ci']]);
  } finally {
    c.destroy();
  }
}

async function charsets(_, target) {
  const c = await target.open({ charset: 'latin1' });
  try {
    await c.query('DROP TABLE IF EXISTS batches');
    await c.query('CREATE TABLE batches (id INT NOT NULL PRIMARY KEY, v VARCHAR(50)) CHARSET utf8mb4');
    await c.query("INSERT INTO batches VALUES (1, 'größe'), (2, 'naïve')");
    assert.deepStrictEqual(await rows(c, 'SELECT v, HEX(v) FROM batches ORDER BY id'), [['größe', '6772C3B6C39F65'], ['naïve', '6E61C3AF7665']]);
  } finally {
    c.destroy();
  }
}

async function kill_query(c, target) {
  const other = await target.open();
  try {
    const started = Date.now();
    const slow = fails(1317, '70100', c.query(`SELECT COUNT(*), SLEEP(20) FROM ${target.big} WHERE id < 100 GROUP BY grp`));
    let done = false;
    const finished = slow.then(() => { done = true; });
    finished.catch(() => { done = true; });
    while (!done && Date.now() - started < 15000) {
      await other.query(`KILL QUERY ${c.threadId}`);
      await new Promise((r) => setTimeout(r, 50));
    }
    await finished;
    assert.ok(Date.now() - started < 15000);
    assert.deepStrictEqual(await rows(c, 'SELECT 1'), [['1']]);
  } finally {
    other.destroy();
  }
}

const ca = () => fs.readFileSync(process.env.INTEROP_CA);

async function tls(_, target) {
  const c = await target.open({ ssl: { ca: ca() } });
  try {
    assert.deepStrictEqual(await rows(c, 'SELECT 1'), [['1']]);
    assert.strictEqual(c.connection.stream.encrypted, true);
  } finally {
    c.destroy();
  }
}

async function tls_status(_, target) {
  const c = await target.open({ ssl: { ca: ca() } });
  try {
    const [[, cipher]] = await rows(c, "SHOW STATUS LIKE 'Ssl_cipher'");
    assert.ok(cipher.length > 0, 'no cipher');
  } finally {
    c.destroy();
  }
}

const login = (user, password, more) => async (_, target) => {
  for (let i = 0; i < 2; i++) { // the second time by the cache, where there is one
    const c = await target.open({ user, password: process.env[password], ...more() });
    try {
      assert.deepStrictEqual(await rows(c, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"), [[user]]);
    } finally {
      c.destroy();
    }
  }
};

async function change_user(c, target) {
  await c.query('SET @mine = 1');
  await c.changeUser({ user: 'native', password: process.env.INTEROP_NATIVE, database: target.config.database });
  assert.deepStrictEqual(await rows(c, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), @mine, DATABASE()"), [['native', null, target.config.database]]);
}

async function compression(_, target) {
  const c = await target.open({ compress: true });
  try {
    assert.deepStrictEqual(await rows(c, `SELECT COUNT(*) FROM ${target.big} WHERE id <= 1000`), [['1000']]);
    const [all] = await c.query(`SELECT * FROM ${target.big} WHERE id <= 5000`);
    assert.strictEqual(all.length, 5000);
  } finally {
    c.destroy();
  }
}

async function attributes(_, target) {
  const connectAttributes = { program_name: 'interop', note: 'n'.repeat(3000) };
  const c = await target.open({ connectAttributes });
  try {
    assert.deepStrictEqual(await rows(c, 'SELECT 1'), [['1']]);
  } finally {
    c.destroy();
  }
}

// load_data_local sends a file of several packets, and one that is empty.
async function load_data_local(c) {
  await c.query('DROP TABLE IF EXISTS loaded');
  await c.query('CREATE TABLE loaded (id INT NOT NULL PRIMARY KEY, v VARCHAR(60))');
  const file = Array.from({ length: 3000 }, (_, i) => `${i},${'v'.repeat(50)}\n`).join('');
  const pieces = (text) => Readable.from(text ? text.match(/[^]{1,20000}/g).map((t) => Buffer.from(t)) : []);
  for (const [text, loaded] of [[file, 3000], ['', 0]]) {
    const [r] = await c.query({
      sql: "LOAD DATA LOCAL INFILE 'rows' INTO TABLE loaded FIELDS TERMINATED BY ','",
      infileStreamFactory: () => pieces(text),
    });
    assert.strictEqual(r.affectedRows, loaded);
    assert.deepStrictEqual(await rows(c, 'SELECT COUNT(*), SUM(id) FROM loaded'), [['3000', '4498500']]);
  }
}

async function ping_and_reset(c) {
  await c.ping();
  await c.query('SET @mine = 1');
  await c.reset();
  assert.deepStrictEqual(await rows(c, 'SELECT @mine'), [[null]]);
}

const sha2 = login('sha2', 'INTEROP_SHA2', () => ({}));
const sha2Tls = login('sha2', 'INTEROP_SHA2', () => ({ ssl: { ca: ca() } }));
sha2.heddleOnly = sha2Tls.heddleOnly = true; // this version of MariaDB has no such plugin

module.exports = {
  types_prepared: types.prepared,
  types_text: types.text,
  prepared_reuse, transactions, stream, generated_keys, generated_big_keys, errors, batch, multi_statements, metadata,
  session_variables, charsets, kill_query, tls, tls_status, change_user, compression, attributes, ping_and_reset,
  load_data_local,
  login_native: login('native', 'INTEROP_NATIVE', () => ({})),
  login_native_tls: login('native', 'INTEROP_NATIVE', () => ({ ssl: { ca: ca() } })),
  login_sha2: sha2,
  login_sha2_tls: sha2Tls,
};

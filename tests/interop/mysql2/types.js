// One row with a column of every type: how it is written, and what the driver makes of it.
'use strict';

const assert = require('node:assert');

const wide = 'größe 東京 🙂 ';
const bytes = Buffer.from([0, 1, 0x27, 0x5c, 0xff]);
const long = 'x'.repeat(70000);

// name, declaration, parameter, what the driver gives. For JSON the driver needs MariaDB's extended metadata.
const columns = [
  ['ti', 'TINYINT', -128, -128],
  ['tu', 'TINYINT UNSIGNED', 255, 255],
  ['si', 'SMALLINT', -32768, -32768],
  ['mi', 'MEDIUMINT', -8388608, -8388608],
  ['i', 'INT', -2147483648, -2147483648],
  ['iu', 'INT UNSIGNED', 4294967295, 4294967295],
  ['b', 'BIGINT', '-9223372036854775808', '-9223372036854775808'],
  ['bu', 'BIGINT UNSIGNED', '18446744073709551615', '18446744073709551615'],
  ['f', 'FLOAT', 1.5, 1.5],
  ['d', 'DOUBLE', -1.25e100, -1.25e100],
  ['de', 'DECIMAL(30,10)', '12345678901234567890.0123456789', '12345678901234567890.0123456789'],
  ['bl', 'BIT(9)', Buffer.from([1, 0xaa]), Buffer.from([1, 0xaa])],
  ['y', 'YEAR', 2026, 2026],
  ['da', 'DATE', '2026-02-28', '2026-02-28'],
  ['t', 'TIME(6)', '-123:04:05.000006', '-123:04:05.000006'],
  ['dt', 'DATETIME(6)', '2026-02-28 23:59:59.123456', '2026-02-28 23:59:59.123456'],
  ['ts', 'TIMESTAMP(3) NULL', '2026-02-28 23:59:59.123', '2026-02-28 23:59:59.123'],
  ['c', 'CHAR(10)', 'abc', 'abc'],
  ['v', 'VARCHAR(100)', wide, wide],
  ['tx', 'TEXT', wide, wide],
  ['lt', 'LONGTEXT', long, long],
  ['bn', 'BINARY(4)', Buffer.from([1, 2]), Buffer.from([1, 2, 0, 0])],
  ['vb', 'VARBINARY(100)', bytes, bytes],
  ['bo', 'BLOB', bytes, bytes],
  ['lb', 'LONGBLOB', Buffer.from(long), Buffer.from(long)],
  ['e', "ENUM('a','b')", 'b', 'b'],
  ['s', "SET('x','y','z')", 'x,z', 'x,z'],
  ['j', 'JSON', '{"a": [1, null]}', { a: [1, null] }],
  ['u', 'UUID', '01890a5d-ac96-774b-bcce-b302099a8057', '01890a5d-ac96-774b-bcce-b302099a8057'],
  ['ip', 'INET6', '2001:db8::1', '2001:db8::1'],
  ['n', 'VARCHAR(10)', null, null],
];

const names = columns.map((c) => c[0]).join(', ');

async function create(c) {
  await c.query('DROP TABLE IF EXISTS types');
  await c.query(`CREATE TABLE types (id BIGINT NOT NULL PRIMARY KEY, ${columns.map((x) => `${x[0]} ${x[1]}`).join(', ')})`);
}

// options that make the driver give what the server sent, not what it guesses.
const options = { supportBigNumbers: true, bigNumberStrings: true, dateStrings: true };

function compare(row) {
  const wrong = [];
  for (const [name, , , expected] of columns) {
    const got = row[name];
    // With bigNumberStrings the text protocol's integers are strings, whatever their size.
    const want = typeof expected === 'number' && typeof got === 'string' ? String(expected) : expected;
    try {
      assert.deepStrictEqual(got, want);
    } catch {
      wrong.push(`${name}: ${JSON.stringify(got).slice(0, 60)}, want ${JSON.stringify(want).slice(0, 60)}`);
    }
  }
  assert.strictEqual(wrong.join('; '), '');
}

async function prepared(_, target) {
  const c = await target.open(options);
  try {
    await create(c);
    const marks = columns.map(() => '?').join(', ');
    for (const id of [1, 2, 3, 4]) {
      await c.execute(`INSERT INTO types (id, ${names}) VALUES (?, ${marks})`, [id, ...columns.map((x) => x[2])]);
    }
    const [rows] = await c.execute(`SELECT ${names} FROM types WHERE id = ?`, [3]);
    compare(rows[0]);
    const [all] = await c.execute(`SELECT ${names} FROM types WHERE id > ? ORDER BY id`, [0]);
    assert.strictEqual(all.length, 4);
    all.forEach(compare);
  } finally {
    c.destroy();
  }
}

async function text(_, target) {
  const c = await target.open(options);
  try {
    await create(c);
    const marks = columns.map(() => '?').join(', ');
    const row = (id) => [id, ...columns.map((x) => x[2])];
    await c.query(`INSERT INTO types (id, ${names}) VALUES (?, ${marks}), (?, ${marks}), (?, ${marks})`,
      [...row(1), ...row(2), ...row(3)]);
    const [rows] = await c.query(`SELECT ${names} FROM types WHERE id = 2`);
    compare(rows[0]);
    const [all] = await c.query(`SELECT ${names} FROM types ORDER BY id DESC`);
    assert.strictEqual(all.length, 3);
    all.forEach(compare);
  } finally {
    c.destroy();
  }
}

module.exports = { prepared, text };

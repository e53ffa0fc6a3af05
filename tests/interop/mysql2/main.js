// Runs every check of mysql2 on the targets that the arguments name (NAME=host:port/database) and prints one line for
// each; see doc.go beside this folder.
'use strict';

const mysql = require('mysql2/promise');
const checks = require('./checks.js');

function parse(arg) {
  const [, name, host, port, database] = /^(\w+)=([^:]+):(\d+)\/(\w+)$/.exec(arg);
  return { name, host, port: Number(port), database, user: 'root', password: '' };
}

async function main() {
  for (const arg of process.argv.slice(2)) {
    const { name, ...config } = parse(arg);
    const target = {
      name,
      config,
      big: `big_${name}.big`,
      open: (more = {}) => mysql.createConnection({ ...config, ...more }),
    };
    for (const [check, run] of Object.entries(checks)) {
      if (name === 'plain' && run.heddleOnly) continue;
      await report(`${name}/${check}`, target, run);
    }
  }
  console.log('done');
}

async function report(name, target, run) {
  let connection;
  try {
    connection = await target.open();
    await Promise.race([run(connection, target), deadline(30000)]);
    console.log(`ok ${name}`);
  } catch (e) {
    const text = `${e.code || ''} ${e.errno || ''} ${e.sqlState || ''} ${e.message || e}`;
    console.log(`not ok ${name}: ${text.replace(/\s+/g, ' ').trim()}`);
  } finally {
    if (connection) connection.destroy();
  }
}

function deadline(ms) {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no end within ${ms} ms`)), ms).unref();
  });
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});

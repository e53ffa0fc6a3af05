package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// The two ends of a session without sockets: what is measured is the session's own work, on one goroutine, without a
// system call or a wake-up.

// silentConn is the part of a net.Conn that scripted ends do not care for.
type silentConn struct{ net.Conn }

func (silentConn) Close() error                     { return nil }
func (silentConn) SetDeadline(time.Time) error      { return nil }
func (silentConn) SetReadDeadline(time.Time) error  { return nil }
func (silentConn) SetWriteDeadline(time.Time) error { return nil }

// scriptedServer answers each write at once: a login and every other command with OK, a SELECT with one row, a
// PREPARE with the shape of that row.
type scriptedServer struct {
	silentConn
	ok, rows, shape, binary []byte
	out                     []byte // what is still to be read
	loggedIn                bool
	asked                   []string // texts of the queries, if they are kept
	executed                int      // EXECUTEs
	keep                    bool
	greedy                  bool // answers a query by asking for a file
	schema                  string
}

// scriptedColumn is the column of the answers, as a server defines it that has the table sbtest1 in schema.
func scriptedColumn(schema string) sqltypes.Column {
	return sqltypes.Column{
		Schema: schema, Table: "sbtest1", OrgTable: "sbtest1", Name: "c", OrgName: "c", Collation: 45, Length: 480,
		Type: sqltypes.String, Flags: 1,
	}
}

// packets are what one write of a server is, with sequence ids from first on.
func packets(first byte, send func(*wire.ServerStream)) []byte {
	var b bytes.Buffer
	s := wire.NewServerStream(&b, wire.Config{Pool: wire.NewPool(0)})
	s.Caps = wiretest.ServerCaps
	for range first { // each empty packet takes an id
		_ = s.WritePacket(nil)
	}
	_ = s.Flush()
	b.Reset()
	send(s)
	_ = s.Flush()
	return b.Bytes()
}

func newScriptedServer(schema string) *scriptedServer {
	column := scriptedColumn(schema)
	value := sqltypes.Row{bytes.Repeat([]byte{'x'}, 119)}
	end := &wire.ResultEnd{OK: wire.OK{Status: wire.StatusAutocommit}}
	s := &scriptedServer{schema: schema, out: packets(0, func(s *wire.ServerStream) { _ = s.Send(wiretest.DefaultGreeting()) })}
	s.ok = packets(1, func(s *wire.ServerStream) { _ = s.Send(&wire.OK{Status: wire.StatusAutocommit}) })
	s.rows = packets(1, func(s *wire.ServerStream) {
		_ = s.Send(&wire.ColumnCount{Columns: 1})
		_ = s.Send(&wire.ColumnDef{Column: column})
		_ = s.Finish(wire.AppendTextRow(s.Start(), value))
		_ = s.Send(end)
	})
	s.binary = packets(1, func(s *wire.ServerStream) {
		_ = s.Send(&wire.ColumnCount{Columns: 1})
		_ = s.Send(&wire.ColumnDef{Column: column})
		b, _ := wire.AppendBinaryRow(s.Start(), []sqltypes.Column{column}, value)
		_ = s.Finish(b)
		_ = s.Send(end)
	})
	s.shape = packets(1, func(s *wire.ServerStream) {
		_ = s.Send(&wire.PrepareOK{StatementID: 1, Columns: 1, Params: 1})
		_ = s.Send(&wire.ColumnDef{Column: sqltypes.Column{Name: "?", Type: sqltypes.VarString}})
		_ = s.Send(&wire.ColumnDef{Column: column})
	})
	return s
}

func (s *scriptedServer) Read(p []byte) (int, error) {
	if len(s.out) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

func (s *scriptedServer) Write(p []byte) (int, error) {
	command := wire.Command(p[4])
	switch {
	case !s.loggedIn:
		s.loggedIn = true
		s.out = packets(2, func(s *wire.ServerStream) { _ = s.Send(&wire.OK{Status: wire.StatusAutocommit}) })
	case command == wire.ComStmtExecute:
		s.executed++
		s.out = s.binary
	case command == wire.ComStmtPrepare:
		s.out = s.shape
	case command == wire.ComQuery && s.greedy:
		s.out = packets(1, func(s *wire.ServerStream) { _ = s.Send(&wire.LocalInfile{Name: "/etc/passwd"}) })
	case command == wire.ComQuery && bytes.HasPrefix(p[5:], []byte("SELECT")):
		s.out = s.rows
	default:
		s.out = s.ok
	}
	if s.keep && command == wire.ComQuery {
		s.asked = append(s.asked, string(p[5:]))
	}
	return len(p), nil
}

// scriptedClient sends commands over and over, each as one packet, and then leaves.
type scriptedClient struct {
	silentConn
	first    []byte // ahead of them; nil: none
	commands [][]byte
	left     int    // commands still to be sent
	under    []byte // what is left of the one being sent
	next     int
	got      int    // bytes of answers
	last     []byte // the last answer
}

func (c *scriptedClient) Read(p []byte) (int, error) {
	switch {
	case len(c.under) > 0:
	case c.first != nil:
		c.under, c.first = c.first, nil
	case c.left == 0:
		return 0, io.EOF
	default:
		c.left--
		c.under = c.commands[c.next%len(c.commands)]
		c.next++
	}
	n := copy(p, c.under)
	c.under = c.under[n:]
	return n, nil
}

func (c *scriptedClient) Write(p []byte) (int, error) {
	c.got += len(p)
	c.last = append(c.last[:0], p...)
	return len(p), nil
}

// framed is a command as its packet.
func framed(command wire.Command, payload string) []byte {
	n := len(payload) + 1
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), 0, byte(command)}, payload...)
}

// scriptedRules: a pass-through document, and a database with two shards in schemas of their own.
const (
	passThroughRules = "data_sources:\n  ds: {address: \"127.0.0.1:1\", user: root}\n"
	twoShardsRules   = `database: mesh
defaults: {user: root}
data_sources:
  ds_0: {address: "127.0.0.1:1", schema: mesh_0}
  ds_1: {address: "127.0.0.1:1", schema: mesh_1}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  sbtest1: {key: id}
  logs: {algorithm: hint, unique: per_shard}
`
)

// fixedCatalogs is one snapshot.
type fixedCatalogs struct{ snap *catalog.Snapshot }

func (c fixedCatalogs) Current() *catalog.Snapshot { return c.snap }
func (c fixedCatalogs) Load(context.Context, []router.Name) (*catalog.Snapshot, error) {
	return c.snap, nil
}
func (fixedCatalogs) Forget(string, ...string) {}

// Epoch never changes: there is no DDL.
func (c fixedCatalogs) LoadPrograms(_ context.Context, need *router.NeedPrograms) (*catalog.Snapshot, error) {
	return nil, fmt.Errorf("unexpected %w", need)
}

func (fixedCatalogs) Epoch() uint64 { return 0 }

// mapCache keeps everything.
type mapCache map[string]*Statement

func (c mapCache) Get(key []byte) (*Statement, bool) {
	st, ok := c[string(key)]
	return st, ok
}
func (c mapCache) Put(key []byte, st *Statement) { c[string(key)] = st }

// digests counts by shape, as a process does. What else the process's meter does is measured beside it.
type digests struct{ *digest.Table }

func (digests) Statement(parser.Kind)       {}
func (digests) Took(time.Duration)          {}
func (digests) Failed(uint16)               {}
func (d digests) Ended(x *digest.Execution) { d.Add(x) }

// scripted is a session between scripted ends.
type scripted struct {
	session *Session
	client  *scriptedClient
	servers []*scriptedServer
	keeping bool
}

// newScripted makes a session in database: bench, which is passed through, or mesh, which is sharded.
func newScripted(tb testing.TB, database string) *scripted {
	tb.Helper()
	s := &scripted{client: &scriptedClient{}}
	var layouts []*rule.Layout
	for _, text := range []string{passThroughRules, twoShardsRules} {
		doc, problems := rule.Parse([]byte(text))
		if err := problems.Err(); err != nil {
			tb.Fatal(err)
		}
		layout, err := doc.Resolve()
		if err != nil {
			tb.Fatal(err)
		}
		layouts = append(layouts, layout)
	}
	snap, err := catalog.New(0).WithRules(1, layouts)
	if err != nil {
		tb.Fatal(err)
	}
	snap = snap.WithTables(scriptedTable("bench", "sbtest1"), scriptedTable("mesh", "sbtest1"), scriptedTable("mesh", "logs"))
	for _, ds := range []string{"ds_0", "ds_1"} {
		snap = snap.WithPrograms("mesh", ds, &catalog.Programs{}) // no triggers
	}
	srv := &Server{
		Catalogs: fixedCatalogs{snap},
		Pools:    s.pools(tb), Planner: &router.Planner{}, Keyer: sharding.Keyer{Charset: "utf8mb4"}, Cache: mapCache{},
		Meter: digests{digest.New(1 << 20)},
		Log:   zap.NewNop(), Flavour: parser.Flavour{MariaDB: true, Version: 101119},
		Initial: Initial{SQLMode: "STRICT_TRANS_TABLES", Charset: "utf8mb4", Collation: "utf8mb4_general_ci", Autocommit: true},
		Config:  Config{WaitTimeout: time.Hour, InteractiveTimeout: time.Hour, MaxPacket: 1 << 20, MaxPrepared: 10, SessionMemory: 1 << 20},
	}
	srv.Init()
	stream := wire.NewServerStream(s.client, wire.Config{Pool: wire.NewPool(0)})
	stream.Caps = wiretest.ClientCaps
	s.session = New(srv, Client{ID: 1, Who: Identity{User: "root", Host: "localhost"}, Conn: s.client, Stream: stream, Database: database, Collation: 45})
	tb.Cleanup(func() { s.session.end(context.Background()) })
	return s
}

func scriptedTable(database, name string) catalog.TableSchema {
	return catalog.TableSchema{
		Database: database, Name: name,
		Columns: []catalog.Column{
			{Name: "id", Type: "int(11)", DataType: "int", Key: sharding.ParseKeyType("int(11)", "", true)},
			{Name: "c", Type: "char(120)", DataType: "char", Charset: "utf8mb4", Collation: "utf8mb4_general_ci"},
		},
		Indexes: []catalog.Index{{Name: catalog.Primary, Unique: true, Columns: []catalog.IndexColumn{{Name: "id"}}}},
	}
}

// pools are of three data sources, each with scripted servers.
func (s *scripted) pools(tb testing.TB) *backend.Pools {
	dial := func(_ context.Context, _, addr string) (net.Conn, error) {
		server := newScriptedServer(addr)
		server.keep = s.keeping
		s.servers = append(s.servers, server)
		return server, nil
	}
	pools := backend.NewPools(backend.Options{Buffers: wire.NewPool(0), Dial: dial, SweepEvery: time.Hour})
	var sources []backend.DataSource
	for name, schema := range map[string]string{"ds": "bench", "ds_0": "mesh_0", "ds_1": "mesh_1"} { // addresses are schemas
		sources = append(sources, backend.DataSource{Name: name, Addr: schema, User: "root", Limits: backend.Limits{PingAfter: time.Hour}})
	}
	if err := pools.Set(sources); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := pools.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return pools
}

// run has the session serve first and then n of the commands, over and over.
func (s *scripted) run(n int, first []byte, commands ...[]byte) {
	s.client.first, s.client.commands, s.client.left, s.client.next = first, commands, n, 0
	s.session.prepared.next = 0 // ids begin anew, as on a new connection
	s.session.Serve(nil)
}

// keepAll has all servers, those to come too, keep what they are sent.
func (s *scripted) keepAll() { s.keeping = true }

// kept are the statements that the servers were sent, in the order of the servers.
func (s *scripted) kept() []string {
	var all []string
	for _, server := range s.servers {
		all = append(all, slices.Clone(server.asked)...)
	}
	return all
}

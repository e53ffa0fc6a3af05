package exec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
)

var columns = []sqltypes.Column{{Name: "a", Type: sqltypes.VarString, Collation: 45}}

func rows(n, size int) []sqltypes.Row {
	out := make([]sqltypes.Row, n)
	for i := range out {
		out[i] = sqltypes.Row{bytes.Repeat([]byte{'x'}, size)}
	}
	return out
}

// lease lends a connection to a server that plays the steps after the login.
func lease(t *testing.T, steps ...wiretest.ServerStep) *backend.Lease {
	t.Helper()
	addr := wiretest.Listen(t, append([]wiretest.ServerStep{wiretest.Accept()}, steps...))
	pools := backend.NewPools(backend.Options{Buffers: wire.NewPool(0)})
	if err := pools.Set([]backend.DataSource{{Name: "ds", Addr: addr, User: "root"}}); err != nil {
		t.Fatal(err)
	}
	l, err := pools.Acquire(t.Context(), "ds", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Release()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := pools.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return l
}

func start(t *testing.T, l *backend.Lease, u *Unit) *Answer {
	t.Helper()
	a, err := Start(t.Context(), l.Conn(), u)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func text(sql string) *Unit { return &Unit{SQL: []byte(sql)} }

// read counts the rows of an answer that has been begun.
func read(ctx context.Context, a *Answer) (n int, err error) {
	if _, err := a.ReadColumns(); err != nil {
		return 0, err
	}
	for {
		_, err := a.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n++
	}
}

// again shows that the connection carries a further statement.
func again(t *testing.T, l *backend.Lease) {
	t.Helper()
	if _, err := l.Conn().Exec(t.Context(), "again"); err != nil {
		t.Errorf("the connection is of no more use: %v", err)
	}
}

func thenAgain(steps ...wiretest.ServerStep) []wiretest.ServerStep {
	return append(steps, wiretest.ExpectQuery("again"), wiretest.SendOK())
}

func TestAnswers(t *testing.T) {
	l := lease(t, thenAgain(
		wiretest.ExpectQuery("do"), wiretest.Send(&wire.OK{AffectedRows: 3, LastInsertID: 7, Info: []byte("said"), Status: wire.StatusAutocommit}),
		wiretest.ExpectQuery("wrong"), wiretest.Send(wire.Err{Error: sqlerr.UnknownDatabase("x")}),
		wiretest.ExpectQuery("select"), wiretest.SendResult(columns, rows(3, 5)...),
	)...)
	a := start(t, l, text("do"))
	if head, err := a.Begin(); head != HeadOK || err != nil || a.OK.AffectedRows != 3 || a.OK.LastInsertID != 7 || string(a.OK.Info) != "said" || !a.Done() {
		t.Errorf("an OK: %v, %v, %+v", head, err, a.OK)
	}
	a = start(t, l, text("wrong"))
	if _, err := a.Begin(); sqlerr.As(err) == nil || sqlerr.As(err).Code != sqlerr.CodeBadDB || !a.Done() {
		t.Errorf("an ERR: %v", err)
	}
	a = start(t, l, text("select"))
	if head, err := a.Begin(); head != HeadRows || err != nil || a.Count != 1 {
		t.Fatalf("rows: %v, %v", head, err)
	}
	if n, err := read(t.Context(), a); n != 3 || err != nil || a.Columns()[0].Name != "a" {
		t.Errorf("%d rows, %v", n, err)
	}
	again(t, l)
}

// An ERR after rows ends the answer with it, and the connection stays.
func TestErrorAfterRows(t *testing.T) {
	half := func(s *wiretest.Server) error {
		err := errors.Join(s.Send(&wire.ColumnCount{Columns: 1}), s.Send(&wire.ColumnDef{Column: columns[0]}))
		if !s.Caps.Has(wire.CapDeprecateEOF) {
			err = errors.Join(err, s.Finish(wire.AppendEOF(s.Start(), 0, wire.StatusAutocommit, s.Caps)))
		}
		return errors.Join(err, s.Finish(wire.AppendTextRow(s.Start(), rows(1, 5)[0])), s.Send(wire.Err{Error: sqlerr.Interrupted()}), s.Flush())
	}
	for name, relay := range map[string]bool{"read": false, "relayed": true} {
		t.Run(name, func(t *testing.T) {
			l := lease(t, thenAgain(wiretest.ExpectQuery("select"), half)...)
			a := start(t, l, text("select"))
			if _, err := a.Begin(); err != nil {
				t.Fatal(err)
			}
			n, err := 0, error(nil)
			if relay {
				var out bytes.Buffer
				client := wire.NewServerStream(&out, wire.Config{Pool: wire.NewPool(0)})
				client.Caps = wiretest.ClientCaps
				if err := a.RelayColumns(client, nil); err != nil {
					t.Fatal(err)
				}
				var packets int64
				packets, err = a.RelayRows(client)
				n = int(packets)
			} else {
				n, err = read(t.Context(), a)
			}
			if e := sqlerr.As(err); n != 1 || e == nil || e.Code != sqlerr.CodeQueryInterrupted || !a.Done() {
				t.Errorf("%d rows, %v", n, err)
			}
			again(t, l)
		})
	}
}

// What nobody reads of an answer is read and dropped while it is little; much of it costs the connection, unless that
// carries a transaction.
func TestClose(t *testing.T) {
	for _, c := range []struct {
		name string
		rows int
		keep bool
		kept bool
	}{{"a little", 5, false, true}, {"much", 200, false, false}, {"much of a transaction", 200, true, true}} {
		for _, begun := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				steps := []wiretest.ServerStep{wiretest.ExpectQuery("select")}
				if send := wiretest.SendResult(columns, rows(c.rows, 4000)...); c.kept {
					steps = thenAgain(append(steps, send)...)
				} else {
					steps = append(steps, func(s *wiretest.Server) error { _ = send(s); return nil }) // cut in the middle of it
				}
				l := lease(t, steps...)
				a := start(t, l, text("select"))
				a.Keep = c.keep
				if begun {
					if _, err := a.Begin(); err != nil {
						t.Fatal(err)
					}
				}
				if err := a.Close(); err != nil || !a.Done() || l.Conn().Broken() == c.kept {
					t.Errorf("closed with %v, done %t, broken %t", err, a.Done(), l.Conn().Broken())
				}
				if c.kept {
					again(t, l)
				}
			})
		}
	}
}

// A file that a server asks for and nobody offers costs the connection.
func TestCloseOfInfile(t *testing.T) {
	l := lease(t, wiretest.ExpectQuery("load"), wiretest.Send(&wire.LocalInfile{Name: "f"}))
	a := start(t, l, text("load"))
	if err := a.Close(); err != nil || !l.Conn().Broken() {
		t.Errorf("closed with %v, broken %t", err, l.Conn().Broken())
	}
}

// A connection that is cut is an error that says so, and no short answer.
func TestCutInRows(t *testing.T) {
	cut := func(s *wiretest.Server) error {
		err := errors.Join(s.Send(&wire.ColumnCount{Columns: 1}), s.Send(&wire.ColumnDef{Column: columns[0]}))
		if !s.Caps.Has(wire.CapDeprecateEOF) {
			err = errors.Join(err, s.Finish(wire.AppendEOF(s.Start(), 0, wire.StatusAutocommit, s.Caps)))
		}
		return errors.Join(err, s.Finish(wire.AppendTextRow(s.Start(), rows(1, 5)[0])), s.Flush(), s.Conn.Close())
	}
	l := lease(t, wiretest.ExpectQuery("select"), cut)
	a := start(t, l, text("select"))
	if _, err := a.Begin(); err != nil {
		t.Fatal(err)
	}
	n, err := read(t.Context(), a)
	var lost *backend.Error
	if n != 1 || !errors.As(err, &lost) || !lost.Sent || backend.SafeToRetry(err) || !l.Conn().Broken() {
		t.Errorf("%d rows, %v", n, err)
	}
}

// Next stops when its context has ended; the rest of the answer is Close's.
func TestNextStops(t *testing.T) {
	l := lease(t, thenAgain(wiretest.ExpectQuery("select"), wiretest.SendResult(columns, rows(3, 5)...))...)
	a := start(t, l, text("select"))
	if _, err := a.Begin(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := a.ReadColumns(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Next(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := a.Next(ctx); sqlerr.As(err) == nil || sqlerr.As(err).Code != sqlerr.CodeQueryInterrupted {
		t.Errorf("after the end of the context: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	again(t, l)
}

// A client that has left is told from a server that has.
func TestClientGone(t *testing.T) {
	l := lease(t, wiretest.ExpectQuery("select"), wiretest.SendResult(columns, rows(50, 4000)...))
	a := start(t, l, text("select"))
	if _, err := a.Begin(); err != nil {
		t.Fatal(err)
	}
	mine, theirs := net.Pipe()
	_ = theirs.Close() // the client has left
	client := wire.NewServerStream(mine, wire.Config{Pool: wire.NewPool(0)})
	client.Caps = wiretest.ClientCaps
	err := a.RelayColumns(client, nil)
	if err == nil {
		_, err = a.RelayRows(client)
	}
	var gone *ClientError
	if !errors.As(err, &gone) || l.Conn().Broken() {
		t.Errorf("%v, the server's connection is broken: %t", err, l.Conn().Broken())
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

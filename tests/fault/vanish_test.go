package fault

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// vanishing are conversations in which the client is gone at some byte. What they write is whole or not there.
func vanishing(there int) []struct {
	name string
	run  func(*raw) error
	done string // on each shard, as in the sweep; "" for one that writes nothing
	undo []string
} {
	text := func(queries ...string) func(*raw) error {
		return func(c *raw) (err error) {
			for _, q := range queries {
				if _, err = c.query(q); err != nil {
					break
				}
			}
			return err
		}
	}
	return []struct {
		name string
		run  func(*raw) error
		done string
		undo []string
	}{
		{"LOAD DATA LOCAL", loadFile, "SELECT COUNT(*) FROM loads", []string{"DELETE FROM loads"}},
		{"transaction", text("BEGIN", "UPDATE accounts SET v = v + 1", "DELETE FROM victims", "COMMIT"),
			"SELECT (SELECT SUM(v - 100) FROM accounts) + 40 - (SELECT COUNT(*) FROM victims)",
			[]string{"UPDATE accounts SET v = 100", "INSERT IGNORE INTO victims SELECT id, 1 FROM accounts"}},
		{"long data", longData, "SELECT COUNT(*) FROM accounts WHERE id > 1000", []string{"DELETE FROM accounts WHERE id > 1000"}},
		{"cursor", func(c *raw) error {
			id, err := c.prepare(fmt.Sprint("SELECT b.id, c.id, d.id, e.id, a.pad FROM accounts a, rates b, rates c, rates d, rates e WHERE a.id = ", there))
			if err == nil {
				_, err = byCursor(c, id)
			}
			return err
		}, "", nil},
		{"large result", text("SELECT a.id, b.id, a.pad FROM accounts a, rates b, rates c, rates d, rates e, rates f, rates g ORDER BY a.id"), "", nil},
		{"large result of one shard", text(fmt.Sprint("SELECT b.id, c.id, a.pad FROM accounts a, rates b, rates c, rates d, rates e, rates f, rates g, rates h WHERE a.id = ", there)), "", nil},
		{"one command after the other", everyCommand, "", nil},
	}
}

// loadFile sends a file of three packets.
func loadFile(c *raw) error {
	if err := c.send(&wire.Query{SQL: []byte("LOAD DATA LOCAL INFILE 'x' INTO TABLE loads")}); err != nil {
		return err
	}
	p, err := c.next()
	if err != nil {
		return err
	}
	if p[0] != 0xfb {
		return wire.ParseErr(p)
	}
	for i := range 4 {
		var piece []byte // the last is empty
		if i < 3 {
			piece = fmt.Appendf(nil, "%d\t1\n%d\t2\n", 2*i, 2*i+1)
		}
		if err := errors.Join(c.Finish(append(c.Start(), piece...)), c.Flush()); err != nil {
			return err
		}
	}
	_, err = c.answer()
	return err
}

// longData sends a parameter in pieces.
func longData(c *raw) error {
	id, err := c.prepare("INSERT INTO accounts SELECT id + 1000, v, ? FROM accounts")
	if err != nil {
		return err
	}
	for range 3 {
		if err := c.send(&wire.StmtSendLongData{StatementID: id, Data: bytes.Repeat([]byte{'x'}, 300)}); err != nil {
			return err
		}
	}
	m := wire.StmtExecute{StatementID: id, LongData: func(int) bool { return true }, Params: make([]wire.Param, 1)}
	m.Params[0].Type = 0xfc // a blob
	if err := c.send(&m); err != nil {
		return err
	}
	_, err = c.answer()
	return err
}

// everyCommand sends what has a simple answer.
func everyCommand(c *raw) error {
	for _, m := range []wire.CommandMessage{wire.Bare(wire.ComPing), wire.InitDB("sweep"), wire.Bare(wire.ComResetConnection),
		&wire.ChangeUser{User: "root", Database: "sweep", Collation: 45, AuthPlugin: wire.AuthNative},
		&wire.Query{SQL: []byte("SET @a = 1")}, &wire.Query{SQL: []byte("CREATE TEMPORARY TABLE tt (a INT)")}, &wire.Query{SQL: []byte("DROP TEMPORARY TABLE tt")}} {
		if err := c.send(m); err != nil {
			return err
		}
		if _, err := c.answer(); err != nil {
			return err
		}
	}
	return nil
}

// A client vanishes at some byte of what it sends, or of what it is sent, by FIN or by RST: what it was writing is whole or not
// there, its connections and transactions go with it, and others are served.
func TestClientVanishes(t *testing.T) {
	s, there, _ := newSweep(t)
	exec(t, s.on[0], "CREATE TABLE loads (id INT PRIMARY KEY, v INT)")
	link := harness.NewRelay(t, s.h.Addr)
	connect := func() *raw {
		c, err := dialRaw(link.Addr(), "sweep", 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const cuts = 8 // of each direction
	s.base = s.goroutines()
	for _, v := range vanishing(there) {
		var whole [2]had
		on := s.on
		if v.name == "LOAD DATA LOCAL" {
			on = on[:1] // its table stands there
		}
		read := func() (d [2]int) {
			for i := range on {
				if v.done != "" {
					d[i] = count(t, on[i], v.done)
				}
			}
			return d
		}
		undo := func() {
			for _, q := range v.undo {
				for _, on := range on {
					exec(t, on, q)
				}
			}
		}
		var moved [2]int64
		before := read()
		for i := range 2 { // once for the plans
			c := connect()
			for d := range moved {
				moved[d] = link.MovedOn(harness.Direction(d))
			}
			if err := v.run(c); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			for d := range moved {
				moved[d] = link.MovedOn(harness.Direction(d)) - moved[d]
			}
			c.close()
			if i == 0 {
				undo()
			}
		}
		after := read()
		undo()
		gone := 0
		for d := range moved {
			for i := range cuts {
				name := fmt.Sprintf("%s, direction %d, cut %d of %d", v.name, d, i, cuts)
				c := connect()
				end := link.Cut
				if i%2 == 1 {
					end = link.Reset
				}
				link.TripAfter(moved[d]*int64(i)/(cuts-1), end, harness.Direction(d))
				err := v.run(c)
				link.TripAfter(-1, nil)
				if err != nil {
					if number(err) > 0 {
						t.Errorf("%s: %v", name, err)
					}
					gone++
				}
				c.close()
				settles(t, func() bool { return s.leftover() == "" }, func() string { return name + ": " + s.leftover() })
				now := read()
				for j := range now {
					whole[j] = measure(now[j]-before[j], after[j]-before[j])
					if after[j] == before[j] {
						whole[j] = noMatter
					}
				}
				if whole[0] == half || whole[1] == half || !together(whole[:]) || err == nil && (whole[0] == none || whole[1] == none) {
					t.Errorf("%s (%v): the shards have %v, where all is %v and nothing %v", name, err, now, after, before)
				}
				undo()
			}
		}
		settles(t, func() bool { return s.leak() == "" }, func() string { return v.name + ": " + s.leak() })
		if gone < cuts-1 {
			t.Errorf("%s: the client vanished %d times only", v.name, gone)
		}
	}
	c, err := dialRaw(s.h.Addr, "sweep", 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.Play(wiretest.SendQuery("DO 1"), wiretest.ExpectOK(nil)); err != nil {
		t.Error(err)
	}
}

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
	most int // cuts of each direction
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
	const (
		all  = 100 // is more than there are
		some = 8
	)
	return []struct {
		name string
		most int
		run  func(*raw) error
		done string
		undo []string
	}{
		{"LOAD DATA LOCAL", all, loadFile, "SELECT COUNT(*) FROM loads", []string{"DELETE FROM loads"}},
		{"transaction", all, text("BEGIN", "UPDATE accounts SET v = v + 1", "DELETE FROM victims", "COMMIT"),
			"SELECT (SELECT SUM(v - 100) FROM accounts) + 40 - (SELECT COUNT(*) FROM victims)",
			[]string{"UPDATE accounts SET v = 100", "INSERT IGNORE INTO victims SELECT id, 1 FROM accounts"}},
		{"long data", all, longData, "SELECT COUNT(*) FROM accounts WHERE id > 1000", []string{"DELETE FROM accounts WHERE id > 1000"}},
		{"cursor", some, func(c *raw) error {
			id, err := c.prepare(fmt.Sprint("SELECT b.id, c.id, d.id, e.id, a.pad FROM accounts a, rates b, rates c, rates d, rates e WHERE a.id = ", there))
			if err == nil {
				_, err = byCursor(c, id)
			}
			return err
		}, "", nil},
		{"large result", some, text("SELECT a.id, b.id, a.pad FROM accounts a, rates b, rates c, rates d, rates e, rates f, rates g ORDER BY a.id"), "", nil},
		{"large result of one shard", some, text(fmt.Sprint("SELECT b.id, c.id, a.pad FROM accounts a, rates b, rates c, rates d, rates e, rates f, rates g, rates h WHERE a.id = ", there)), "", nil},
		{"one command after the other", all, everyCommand(there), "", nil},
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

// everyCommand sends each command that there is: those that have a simple answer, and those that have none or one of their own.
func everyCommand(there int) func(*raw) error {
	return func(c *raw) error {
		for _, m := range []wire.CommandMessage{wire.Bare(wire.ComPing), wire.InitDB("sweep"), wire.SetOption(1), wire.SetOption(0),
			wire.Bare(wire.ComResetConnection), &wire.ChangeUser{User: "root", Database: "sweep", Collation: 45, AuthPlugin: wire.AuthNative},
			&wire.Query{SQL: []byte("SET @a = 1")}, &wire.Query{SQL: []byte("CREATE TEMPORARY TABLE tt (a INT)")}, &wire.Query{SQL: []byte("DROP TEMPORARY TABLE tt")}} {
			if err := c.send(m); err != nil {
				return err
			}
			read := func() error { _, err := c.answer(); return err }
			if _, ok := m.(wire.SetOption); ok { // an EOF
				read = func() error { _, err := c.next(); return err }
			}
			if err := read(); err != nil {
				return err
			}
		}
		for _, run := range []func(*raw) error{statistics, fieldList, killNobody} {
			if err := run(c); err != nil {
				return err
			}
		}
		return preparedCommands(c, there)
	}
}

func statistics(c *raw) error {
	err := c.send(wire.Bare(wire.ComStatistics))
	if err == nil {
		_, err = c.next()
	}
	return err
}

func fieldList(c *raw) error {
	if err := c.send(&wire.FieldList{Table: "accounts"}); err != nil {
		return err
	}
	for {
		p, err := c.next()
		switch {
		case err != nil:
			return err
		case wire.IsErr(p):
			return wire.ParseErr(p)
		case wire.IsResultEnd(p):
			return nil
		}
	}
}

// killNobody is COM_PROCESS_KILL of a connection that is not there.
func killNobody(c *raw) error {
	if err := c.send(wire.ProcessKill(1)); err != nil {
		return err
	}
	_, err := c.answer()
	if number(err) == 1094 {
		return nil
	}
	if err == nil {
		err = errors.New("connection 1 is killed")
	}
	return err
}

// preparedCommands are those of prepared statements.
func preparedCommands(c *raw, there int) error {
	id, err := c.prepare(fmt.Sprint("SELECT b.id, a.pad FROM accounts a, rates b WHERE b.id <> ? AND a.id = ", there))
	if err != nil {
		return err
	}
	if err := c.send(&wire.StmtSendLongData{StatementID: id, Data: []byte("0")}); err != nil {
		return err
	}
	if err := c.send(wire.StmtReset(id)); err != nil {
		return err
	}
	if _, err := c.answer(); err != nil {
		return err
	}
	if _, err := c.execute(id, wire.CursorReadOnly, 0); err != nil {
		return err
	}
	if !c.cursor {
		return errors.New("no cursor is open")
	}
	if _, _, err := c.fetch(id, 1); err != nil { // and is abandoned
		return err
	}
	if err := c.send(wire.StmtClose(id)); err != nil {
		return err
	}
	if err := c.send(wire.Bare(wire.ComPing)); err != nil {
		return err
	}
	_, err = c.answer()
	return err
}

// manyPackets are so many that a cut within every other one will do.
const manyPackets = 12

// cutsOf are the places at which a direction is cut: behind each packet and within each, from the first byte on; of long conversations most of
// them, evenly.
func cutsOf(ends []int64, most int) []int64 {
	cuts := []int64{0}
	from := int64(0)
	for i, end := range ends {
		if i%2 == 0 || len(ends) < manyPackets {
			cuts = append(cuts, from+(end-from)/2)
		}
		cuts = append(cuts, end)
		from = end
	}
	if len(cuts) <= most {
		return cuts
	}
	some := make([]int64, most)
	for i := range some {
		some[i] = cuts[i*(len(cuts)-1)/(most-1)]
	}
	return some
}

// A client vanishes behind each packet that it sends, or is sent, and within it, by FIN or by RST: what it was writing is whole or not
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
		var ends [2][]int64
		before := read()
		for i := range 2 { // once for the plans
			c := connect()
			var began [2]int
			for d := range began {
				began[d] = len(c.framed.ways[d].ends)
			}
			if err := v.run(c); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			for d := range ends {
				way := c.framed.ways[d].ends
				login := way[began[d]-1]
				ends[d] = nil
				for _, end := range way[began[d]:] {
					ends[d] = append(ends[d], end-login)
				}
			}
			c.close()
			if i == 0 {
				undo()
			}
		}
		after := read()
		undo()
		gone, tried := 0, 0
		for d := range ends {
			cuts := cutsOf(ends[d], v.most)
			for i, at := range cuts {
				name := fmt.Sprintf("%s, direction %d, cut at byte %d, %d of %d", v.name, d, at, i, len(cuts))
				tried++
				c := connect()
				end := link.Cut
				if i%2 == 1 {
					end = link.Reset
				}
				link.TripAfter(at, end, harness.Direction(d))
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
		t.Logf("%s: %d cuts, the client vanished at %d", v.name, tried, gone)
		if gone < tried-2 { // not behind the last packet of each direction
			t.Errorf("%s: the client vanished %d times only, of %d", v.name, gone, tried)
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

package session

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// hotPaths are the statements that must cost next to nothing: cached, one shard, one row.
var hotPaths = []struct {
	name, database string
	first          []byte // of a connection
	commands       [][]byte
	want           []string // texts that the shards get, each once
	allocs         float64  // most allocations a statement
}{
	{
		name: "text/unsharded", database: "bench", commands: texts("SELECT c FROM sbtest1 WHERE id=4711"),
		want: []string{"SELECT c FROM sbtest1 WHERE id=4711"}, allocs: 3,
	},
	{
		name: "text/sharded", database: "mesh", commands: texts("SELECT c FROM sbtest1 WHERE id=1", "SELECT c FROM sbtest1 WHERE id=2"),
		want: []string{"SELECT c FROM sbtest1 WHERE id=1", "SELECT c FROM sbtest1 WHERE id=2"}, allocs: 5,
	},
	{
		name: "prepared/unsharded", database: "bench", first: prepareOne, commands: executes(47), allocs: 5,
	},
	{
		name: "prepared/sharded", database: "mesh", first: prepareOne, commands: executes(1, 2), allocs: 7,
	},
}

func texts(sql ...string) (commands [][]byte) {
	for _, text := range sql {
		commands = append(commands, framed(wire.ComQuery, text))
	}
	return commands
}

var prepareOne = framed(wire.ComStmtPrepare, "SELECT c FROM sbtest1 WHERE id=?")

// executes are executions of a connection's first statement with an integer.
func executes(values ...byte) (commands [][]byte) {
	for _, v := range values {
		payload := "\x01\x00\x00\x00" + "\x00" + "\x01\x00\x00\x00" + "\x00" + "\x01" + "\x08\x00" + string([]byte{v}) + strings.Repeat("\x00", 7)
		commands = append(commands, framed(wire.ComStmtExecute, payload))
	}
	return commands
}

// One row of 119 letters is what every answer has to hold; and the shards get the client's own text.
func TestHotPathAnswers(t *testing.T) {
	for _, c := range hotPaths {
		t.Run(c.name, func(t *testing.T) {
			s := newScripted(t, c.database)
			s.run(2, c.first, c.commands...) // the second time from the cache, on connections that are there
			for _, server := range s.servers {
				server.keep = true
			}
			for _, command := range c.commands {
				s.run(1, c.first, command)
				if !bytes.Contains(s.client.last, bytes.Repeat([]byte{'x'}, 119)) {
					t.Errorf("%q is answered by %q", command, s.client.last)
				}
				counted := s.session.srv.Meter.(digests).List()
				if len(counted) != 1 || counted[0].Count < 3 || counted[0].Shards != counted[0].Count || counted[0].Returned != counted[0].Count ||
					counted[0].Shipped != counted[0].Count || counted[0].Text != "SELECT c FROM sbtest1 WHERE id = ?" || counted[0].Schema != c.database {
					t.Errorf("counted are %+v", counted)
				}
				if bytes.Contains(s.client.last, []byte("mesh_")) || !bytes.Contains(s.client.last, []byte(c.database)) {
					t.Errorf("the client sees another schema than %s: %q", c.database, s.client.last)
				}
			}
			for _, want := range c.want {
				if n := strings.Count(strings.Join(s.kept(), "\n"), want); n != 1 {
					t.Errorf("%q was sent %d times to the shards: %q", want, n, s.kept())
				}
			}
		})
	}
}

// A statement from the cache stays within its allocations.
func TestHotPathAllocations(t *testing.T) {
	const statements = 500
	for _, c := range hotPaths {
		t.Run(c.name, func(t *testing.T) {
			s := newScripted(t, c.database)
			s.run(10, c.first, c.commands...)
			// What a connection costs at its beginning and end is spread over its statements.
			per := testing.AllocsPerRun(5, func() { s.run(statements, c.first, c.commands...) }) / statements
			if limit := c.allocs + poolsForget; per > limit {
				t.Errorf("%.1f allocations a statement, at most %.0f are allowed", per, limit)
			}
		})
	}
}

func BenchmarkHotPath(b *testing.B) {
	for _, c := range hotPaths {
		b.Run(c.name, func(b *testing.B) {
			s := newScripted(b, c.database)
			s.run(10, c.first, c.commands...)
			b.ReportAllocs()
			b.ResetTimer()
			s.run(b.N, c.first, c.commands...)
		})
	}
}

// deadlineConn notes the deadlines that it is given.
type deadlineConn struct {
	scriptedClient
	deadlines []time.Time
}

func (c *deadlineConn) SetReadDeadline(t time.Time) error {
	c.deadlines = append(c.deadlines, t)
	return nil
}

// The deadline of the wait for a command is set once for many commands, never earlier than it should be, and anew when
// the session's wait_timeout changes.
func TestArmLeavesADeadlineAlone(t *testing.T) {
	s := newScripted(t, "bench").session
	conn := &deadlineConn{}
	s.conn = conn
	for range 3 {
		if err := s.arm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(conn.deadlines) != 1 {
		t.Fatalf("%d deadlines were set for three waits in a row", len(conn.deadlines))
	}
	if d := conn.deadlines[0].Sub(s.since); d < time.Hour || d > time.Hour+time.Second {
		t.Errorf("the wait ends after %v, wait_timeout is an hour", d)
	}
	s.since = s.since.Add(2 * time.Second) // a later command
	s.state.SetVar("wait_timeout", "8")
	for range 2 {
		if err := s.arm(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.since = s.since.Add(500 * time.Millisecond)
	}
	if len(conn.deadlines) != 2 {
		t.Fatalf("deadlines after a change of wait_timeout: %v", conn.deadlines)
	}
	if err := s.arm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(conn.deadlines) != 2 {
		t.Errorf("a deadline that is late enough was set again: %v", conn.deadlines)
	}
	s.since = s.since.Add(500 * time.Millisecond)
	if err := s.arm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(conn.deadlines) != 3 || conn.deadlines[2].Sub(s.since) < 8*time.Second {
		t.Errorf("deadlines after the third command: %v", conn.deadlines)
	}
}

// A KILL that comes just before the deadline is set must not be undone by it.
func TestArmAfterKill(t *testing.T) {
	s := newScripted(t, "bench").session
	s.Kill(t.Context(), false)
	if err := s.arm(t.Context()); err == nil {
		t.Error("a killed session waits for the next command")
	}
}

package differential

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// endsWith says when the answer to a command is complete.
type endsWith int

const (
	onePacket endsWith = iota
	anEOF              // or an ERR
	noMoreResults
	nothing // is answered
	aLogin  // with an empty password
	aClosedConnection
)

// rawStep is one command as its bytes.
type rawStep struct {
	cmd  wire.Command
	body string
	ends endsWith
}

// commandSetup is what the commands meet. The defaults are of each kind that a server writes into its field lists.
var commandSetup = []string{
	"DROP TABLE IF EXISTS s1", "DROP TABLE IF EXISTS notes",
	"CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v INT DEFAULT 7, name VARCHAR(20) NOT NULL DEFAULT 'none', d DATETIME DEFAULT CURRENT_TIMESTAMP, n DECIMAL(8,2), b BLOB)",
	"CREATE TABLE notes (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, body VARCHAR(20) DEFAULT 'x', e ENUM('a','b') DEFAULT 'b')",
	"INSERT INTO s1 (id) VALUES (1), (2), (3)",
}

// commandSteps are all commands beside those of statements that succeed, which the cases send. Not among them are those by
// which a server ends or sends its log.
func commandSteps() []rawStep {
	le := binary.LittleEndian
	u16 := func(n uint16) string { return string(le.AppendUint16(nil, n)) }
	u32 := func(n uint32) string { return string(le.AppendUint32(nil, n)) }
	query := func(q string) rawStep { return rawStep{wire.ComQuery, q, noMoreResults} }
	changeUser := func(user, schema string) rawStep {
		return rawStep{wire.ComChangeUser, user + "\x00\x00" + schema + "\x00" + u16(45) + wire.AuthNative + "\x00", aLogin}
	}
	steps := []rawStep{
		{wire.ComPing, "", onePacket},
		{wire.ComStatistics, "", onePacket},
		{wire.ComFieldList, "s1\x00", anEOF},
		{wire.ComFieldList, "s1\x00%", anEOF},
		{wire.ComFieldList, "s1\x00n%", anEOF},
		{wire.ComFieldList, "s1\x00zz", anEOF},
		{wire.ComFieldList, "notes\x00%", anEOF},
		{wire.ComFieldList, "nope\x00", anEOF},
		{wire.ComInitDB, "nope", onePacket},
		{wire.ComInitDB, "information_schema", onePacket},
		{wire.ComFieldList, "SCHEMATA\x00%NAME", anEOF},
		query("SELECT DATABASE()"),
		{wire.ComInitDB, Schema, onePacket},
		query("SELECT DATABASE()"),
		query("SELECT 1; SELECT 2"),
		{wire.ComSetOption, u16(0), onePacket}, // MULTI_STATEMENTS on
		query("SELECT 1; SELECT id FROM s1 ORDER BY id; SELECT COUNT(*) FROM s1"),
		{wire.ComSetOption, u16(1), onePacket},
		query("SELECT 1; SELECT 2"),
		{wire.ComSetOption, u16(7), onePacket},
		query("SET @a = 1, SESSION lock_wait_timeout = 9"),
		query("SELECT @a, @@lock_wait_timeout, GET_LOCK('hx_commands', 0)"),
		{wire.ComResetConnection, "", onePacket},
		query("SELECT @a IS NULL, @@lock_wait_timeout = @@global.lock_wait_timeout, IS_FREE_LOCK('hx_commands'), DATABASE()"),
		query("BEGIN"),
		query("DELETE FROM s1 WHERE id = 1"),
		{wire.ComResetConnection, "", onePacket},
		query("SELECT COUNT(*) FROM s1"),
		query("PREPARE p FROM 'SELECT 1'"),
		query("CREATE TEMPORARY TABLE tt (a INT)"),
		query("INSERT INTO notes (body) VALUES ('y')"),
		query("SET NAMES latin1"),
		query("SET sql_mode = 'ANSI_QUOTES', autocommit = 0, time_zone = '+03:00'"),
		query("LOCK TABLES notes WRITE"),
		{wire.ComResetConnection, "", onePacket},
		query("EXECUTE p"),
		query("SELECT * FROM tt"),
		query("SELECT LAST_INSERT_ID(), @@character_set_client, @@sql_mode, @@autocommit, @@time_zone, ROW_COUNT()"),
		query("SELECT COUNT(*) FROM s1"),
		query("SHOW WARNINGS"),
		query("SET sql_mode = 'NO_BACKSLASH_ESCAPES', @a = 2"),
		query("PREPARE p FROM 'SELECT 1'"),
		changeUser("root", Schema),
		query("SELECT @a IS NULL, DATABASE(), @@sql_mode, LAST_INSERT_ID()"),
		query("EXECUTE p"),
		changeUser("root", "nope"),
		{wire.ComStmtReset, u32(99), onePacket},
		{wire.ComStmtExecute, u32(99) + "\x00" + u32(1), onePacket},
		{wire.ComStmtFetch, u32(99) + u32(1), onePacket},
		{wire.ComStmtClose, u32(99), nothing},
		{wire.ComStmtSendLongData, u32(99) + u16(0) + "x", nothing},
		{wire.ComPing, "", onePacket},
		{wire.ComProcessKill, u32(0xfffffff0), onePacket},
	}
	for _, cmd := range []wire.Command{wire.ComSleep, wire.ComConnect, wire.ComTime, wire.ComDelayedInsert, wire.ComConnectOut, wire.ComDaemon, 0x40, 0x7f} {
		steps = append(steps, rawStep{cmd, "", onePacket})
	}
	return append(steps, rawStep{wire.ComQuit, "", aClosedConnection})
}

// TestCommands sends each command of the protocol to one server and to heddle: every byte of the answers is the same, but what
// is said of the server itself.
func TestCommands(t *testing.T) {
	for _, l := range layouts() {
		t.Run(l, func(t *testing.T) {
			for _, opts := range []ConnOptions{{Schema: Schema}, {Schema: Schema, Drop: wire.CapDeprecateEOF}} {
				plain, heddle := commandsOn(t, lab.plain, opts), commandsOn(t, side(l), opts)
				for _, step := range commandSteps() {
					want, errPlain := step.on(plain)
					got, errHeddle := step.on(heddle)
					if errPlain != nil || errHeddle != nil {
						t.Fatalf("%s %q: plain %v, heddle %v", step.cmd, step.body, errPlain, errHeddle)
					}
					if want, got := masked(step, want), masked(step, got); want != got {
						t.Errorf("%s %q:\nplain  %q\nheddle %q", step.cmd, step.body, want, got)
					}
				}
			}
		})
	}
}

// commandsOn is a connection to a side where the tables are.
func commandsOn(t *testing.T, s Side, opts ConnOptions) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), s.Pool, s.Addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for _, q := range commandSetup {
		p, err := rawStep{wire.ComQuery, q, onePacket}.on(c)
		if err != nil || !wire.IsOK(p[0]) {
			t.Fatalf("%s: %q, %v", q, p, err)
		}
	}
	return c
}

// on sends the command and reads its answer.
func (s rawStep) on(c *Conn) ([][]byte, error) {
	if err := c.rawCommand(func(b []byte) []byte { return append(append(b, byte(s.cmd)), s.body...) }); err != nil {
		return nil, err
	}
	var out [][]byte
	ends := 0
	for s.ends != nothing {
		p, err := c.ReadPacket()
		if s.ends == aClosedConnection && errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if s.ends == aLogin && p[0] == 0xfe { // a server asks for the password again
			if err := c.say(wire.AuthResponse(nil)); err != nil {
				return out, err
			}
			continue
		}
		out = append(out, bytes.Clone(p))
		switch {
		case s.ends == aLogin:
			return out, nil
		case s.ends == onePacket, wire.IsErr(p):
			return out, nil
		case s.ends == anEOF && p[0] == 0xfe && len(p) < 9:
			return out, nil
		case s.ends == noMoreResults && (p[0] == 0xfe || p[0] == 0 && len(out) == 1):
			ends++
			eofs := 2 // behind the columns and behind the rows
			if c.Caps.Has(wire.CapDeprecateEOF) || p[0] == 0 {
				eofs = 1
			}
			if ends%eofs == 0 && !statusOf(p).Has(wire.StatusMoreResults) {
				return out, nil
			}
		}
	}
	return nil, nil
}

// statusOf are the flags of an OK or an EOF.
func statusOf(p []byte) wire.Status {
	return wire.Status(binary.LittleEndian.Uint16(p[3:])) // behind the warnings of an EOF; the two counts of an OK are below 251
}

var statistics = regexp.MustCompile(`^Uptime: \d+  Threads: \d+`)

// masked is an answer without what is the server's own.
func masked(s rawStep, answer [][]byte) string {
	if s.cmd == wire.ComStatistics && len(answer) == 1 {
		return statistics.ReplaceAllString(string(answer[0]), "statistics")[:len("statistics")]
	}
	for _, p := range answer {
		if s.ends == noMoreResults && p[0] == 0xfe && len(p) < 9 {
			p[3] &^= byte(wire.StatusNoGoodIndexUsed | wire.StatusNoIndexUsed) // which heddle knows at the end of the rows
		}
	}
	return fmt.Sprintf("%q", answer)
}

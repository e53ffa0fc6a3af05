package replicas

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// TestWroteAlone: a primary that was killed with a write that no replica had comes back with it and follows its successor, which lacks it.
// Nobody reads it any more, an alarm says why, and the writes go on where they went.
func TestWroteAlone(t *testing.T) {
	c, h := filled(t, "{failover_wait: 15s}", 2)
	for _, i := range []int{1, 2} {
		run(t, c, i, c.Words.StopFetching)
	}
	run(t, c, 0, "INSERT INTO shop.notes VALUES (100, 100)")
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	promoted, _, err := c.Promote(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	db := h.Open(t, "root", "", "shop")
	exec(t, db, "INSERT INTO notes VALUES (101, 1)")
	oldIsBack(t, c, h, promoted)
	if !c.Words.MySQL {
		run(t, c, 0, "SET GLOBAL gtid_slave_pos=@@gtid_binlog_pos")
	}
	if err := c.Follow(t.Context(), 0, promoted); err != nil {
		t.Fatal(err)
	}
	id := 1000
	write := func() {
		id++
		exec(t, db, fmt.Sprintf("INSERT INTO notes VALUES (%d, 1)", id))
	}
	eventually(t, "the alarm", func() bool {
		write()
		return strings.Contains(h.Log(), c.Servers[0].Addr()+" has transactions that the primary lacks: ")
	})
	for range 50 { // what it is asked for anew, several times
		write()
		if got := value(t, db, "SELECT id FROM whoami"); got == "0" {
			t.Fatal("it is read, and shows what is nowhere else")
		}
	}
	if n, err := c.Value(t.Context(), promoted, "SELECT COUNT(*) FROM shop.notes WHERE id > 1000"); err != nil || n != strconv.Itoa(id-1000) {
		t.Errorf("the primary has %s of %d rows: %v", n, id-1000, err)
	}
}

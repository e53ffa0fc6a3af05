package fault

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// partial is a statement that commits over both shards: prepared by before.
type partial struct {
	name, write string
	before      []string
}

// Whatever commits over several shards in mode LOCAL tells which of them have and which have not, in the error, in SHOW WARNINGS and in the
// log, when one refuses its COMMIT, and when its connection ends in it.
func TestPartialCommit(t *testing.T) {
	link := harness.NewRelay(t, env.Shards[1].Addr())
	h, db := startLocal(t, env.Shards[0].Addr(), link.Addr())
	on := shards(t)
	open := []string{"BEGIN", "UPDATE accounts SET v = v + 1"}
	for _, p := range []partial{
		{"COMMIT", "COMMIT", open},
		{"COMMIT AND CHAIN", "COMMIT AND CHAIN", open},
		{"BEGIN in a transaction", "BEGIN", open},
		{"DDL in a transaction", "ALTER TABLE accounts COMMENT 'a'", open},
		{"DDL of one shard in a transaction", "DROP TABLE IF EXISTS alone", open},
		{"LOCK TABLES in a transaction", "LOCK TABLES accounts READ", open},
		{"autocommit switched on", "SET autocommit = 1", []string{"SET autocommit = 0", "UPDATE accounts SET v = v + 1"}},
		{"a write by itself", "UPDATE accounts SET v = v + 1", []string{"SET autocommit = 1"}},
	} {
		for fate, strike := range map[string]func(){
			// The server gives its COMMIT up, which waits for a lock.
			"rolled back": func() {},
			"unknown":     link.Cut,
		} {
			t.Run(p.name+" "+fate, func(t *testing.T) {
				undo(t, on, "UPDATE accounts SET v = 100")
				told := len(h.Log())
				err, warned := p.run(t, db, on, fate, strike)
				judgePartial(t, err, warned, fate)
				line := regexp.MustCompile(`not committed on all of them\t\{"connection": \d+, "user": "root", "database": "shop", ` +
					map[string]string{"unknown": `"committed": \["ds_0"\], "rolled back": \[\], "unknown": \["ds_1"\]`,
						"rolled back": `"committed": \["ds_0"\], "rolled back": \["ds_1"\], "unknown": \[\]`}[fate])
				lines := func() int { return len(line.FindAllString(h.Log()[told:], -1)) }
				eventually(t, "the log tells of it", func() bool { return lines() > 0 }) // which comes through a pipe
				if n := lines(); n != 1 {
					t.Errorf("%d lines of the log tell of it:\n%s", n, h.Log()[told:])
				}
				if n := count(t, on[1], "SELECT COUNT(*) FROM accounts WHERE v <> 100"); fate == "rolled back" && n != 0 {
					t.Errorf("%d rows of ds_1 have changed, which is told to have rolled back", n)
				}
			})
		}
	}
}

// run has shard 1 stop in its COMMIT until shard 0 has committed, and then strikes.
func (p *partial) run(t *testing.T, db *sql.DB, on []*sql.DB, fate string, strike func()) (error, []string) {
	t.Helper()
	c := conn(t, db)
	defer c.Close()
	if fate == "rolled back" {
		exec(t, c, "SET lock_wait_timeout = 1")
	}
	for _, query := range p.before {
		exec(t, c, query)
	}
	one := conn(t, on[1])
	exec(t, one, "BACKUP STAGE START")
	exec(t, one, "BACKUP STAGE BLOCK_COMMIT")
	ended := make(chan error, 1)
	go func() {
		_, err := c.ExecContext(context.WithoutCancel(t.Context()), p.write)
		ended <- err
	}()
	eventually(t, "one shard has committed", func() bool {
		return count(t, on[0], "SELECT COUNT(*) FROM accounts WHERE v = 101") > 0
	})
	if fate == "unknown" {
		eventually(t, "the other waits", func() bool {
			return count(t, on[1], "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO = 'COMMIT' AND STATE LIKE '%backup lock%'") == 1
		})
	}
	strike()
	err := <-ended
	exec(t, one, "BACKUP STAGE END")
	var warned []string
	rows, failed := c.QueryContext(t.Context(), "SHOW WARNINGS")
	if failed != nil {
		t.Fatal(failed)
	}
	defer rows.Close()
	for rows.Next() {
		var level, code, msg string
		if err := rows.Scan(&level, &code, &msg); err != nil {
			t.Fatal(err)
		}
		warned = append(warned, level+" "+code+" "+msg)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return err, warned
}

func judgePartial(t *testing.T, err error, warned []string, fate string) {
	t.Helper()
	e, _ := err.(*mysql.MySQLError)
	if e == nil || e.Number != 1180 || !strings.HasPrefix(e.Message, "Got error during COMMIT: 1 of 2 shards committed (ds_0); ds_1 is "+fate+" (") {
		t.Errorf("got %v, want error 1180 that tells of each shard", err)
		return
	}
	want := []string{"Error 1180 " + regexp.QuoteMeta(e.Message), fmt.Sprintf(`Warning 1180 COMMIT on data source 'ds_1': %s \(\d+: .+\)`, fate),
		`Warning 1180 COMMIT on data source 'ds_0': committed`}
	if !slices.EqualFunc(warned, want, func(have, want string) bool { return regexp.MustCompile("^" + want + "$").MatchString(have) }) {
		t.Errorf("SHOW WARNINGS:\n%s", strings.Join(warned, "\n"))
	}
}

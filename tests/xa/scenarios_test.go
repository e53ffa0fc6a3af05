package xa

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// scenario is one transaction over the three servers, the first of them home, through a process of its own.
type scenario struct {
	name   string
	points string // its process's
	own    bool   // links of its own
	act    func(s *stage) error
	code   uint16 // that COMMIT fails with; 0: it succeeds; lost: the process has gone
	there  bool   // it is committed
}

const lost = 1

// stage is a scenario that is played.
type stage struct {
	*member
	a *mesh
	n int64
}

// await polls what a scenario waits for.
func (s *stage) await(what string, ok func() bool) error {
	for began := time.Now(); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			return errors.New("not within 30 s: " + what)
		}
	}
	return nil
}

// prepared reports whether a server lists a branch of the scenario's; known is whether it has answered.
func (s *stage) prepared(shard int) (is, known bool) {
	listed, _, err := shards.Server(env.Shards[shard].Name()).Prepared(context.Background())
	if err != nil {
		s.a.t.Logf("%s: %v", env.Shards[shard].Name(), err)
		return false, false
	}
	for _, x := range listed {
		is = is || s.of(branchAt{shard, x})
	}
	return is, true
}

func (s *stage) bothPrepared() error {
	return s.await("two branches are prepared", func() bool { return s.has(1, true) && s.has(2, true) })
}

func (s *stage) noneListed() error {
	return s.await("no branch is listed", func() bool { return s.has(1, false) && s.has(2, false) })
}

// has reports whether a server has answered, and that it lists a branch of the scenario's, or none.
func (s *stage) has(shard int, want bool) bool {
	is, known := s.prepared(shard)
	return known && is == want
}

// decided reports whether home's server has a decision of the scenario's.
func (s *stage) decided() bool {
	var n int
	err := control[0].QueryRow("SELECT COUNT(*) FROM heddle_mesh.txn_decision WHERE verdict = 'C' AND gtrid LIKE '%-" + s.epoch + "-%'").Scan(&n)
	return err == nil && n > 0
}

func wholeScenarios() []scenario {
	return []scenario{
		{name: "01 killed when a second branch has begun", points: "start.after:1=kill", code: lost},
		{name: "02 killed when all is written and nothing prepared", points: "prepare.before=kill", code: lost},
		{name: "03 killed between two prepares", points: "prepare.after:1=kill", code: lost},
		{name: "04 killed when all is prepared and nothing decided", points: "decide.before=kill", code: lost},
		{name: "05 the decision's answer is lost", points: "decide.before=sleep(2s)", own: true, there: true, act: (*stage).loseAnswer},
		{name: "06 killed when it is decided", points: "decide.after=kill", code: lost, there: true},
		{name: "07 killed before anything is delivered", points: "deliver.before:1=kill", code: lost, there: true},
		{name: "08 killed when half is delivered", points: "deliver.after:1=kill", code: lost, there: true},
		{name: "08 killed before the client is told", points: "tell.before=kill", code: lost, there: true},
		{name: "13 a black hole swallows the answer to a prepare, 14 and is healed", points: "prepare.before=sleep(1s)", own: true, code: 1213, act: (*stage).holeInPrepare},
		{name: "14 a black hole swallows a delivery, and lets it go when others have delivered", points: "deliver.before=sleep(1s)", own: true, there: true, act: (*stage).holeInDelivery},
		{name: "15 frozen before its decision, until others have rolled back", points: "decide.before=stop", code: 1213, act: (*stage).thawLate},
		{name: "15 frozen after its decision, until others have delivered", points: "decide.after=stop", there: true, act: (*stage).thawLate},
	}
}

func (s *stage) loseAnswer() error {
	err := s.bothPrepared()
	s.relays[0].Hold(harness.ToClient)
	err = errors.Join(err, s.await("it is decided", s.decided))
	s.relays[0].Cut()
	s.relays[0].Release()
	return err
}

func (s *stage) holeInPrepare() error {
	// The sleep begins with COMMIT; what goes into the hole before is an answer to a statement, which the client would wait for.
	err := s.await("it is committed", func() bool { return s.committing() })
	s.relays[1].Hold(harness.ToClient)
	err = errors.Join(err, s.await("the branch is prepared", func() bool { return s.has(1, true) }), s.noneListed())
	s.relays[1].Release()
	return err
}

// committing reports whether the client waits for its COMMIT.
func (s *stage) committing() bool { return strings.Contains(s.status(), "COMMIT") }

// status is the statement that the process runs for a client, as it says itself.
func (s *stage) status() string {
	db, err := sql.Open("mysql", s.Config("root", "", "").FormatDSN())
	if err != nil {
		return ""
	}
	defer db.Close()
	a, err := harness.Ask(context.Background(), db, "SHOW FULL PROCESSLIST")
	if err != nil {
		return ""
	}
	var text strings.Builder
	for _, row := range a.Rows {
		fmt.Fprintln(&text, row...)
	}
	return text.String()
}

func (s *stage) holeInDelivery() error {
	err := s.await("it is decided", s.decided)
	s.relays[1].Hold()
	err = errors.Join(err, s.noneListed())
	s.relays[1].Release()
	return err
}

func (s *stage) thawLate() error {
	err := s.await("it has stopped", s.stopped)
	began := time.Now()
	err = errors.Join(err, s.await("a branch was seen", func() bool {
		return s.a.sees.listed(time.Time{}, s.of) > 0
	}), s.noneListed())
	lasted(began)
	return errors.Join(err, s.Signal(syscall.SIGCONT))
}

// lasted waits until what began then has lasted for HEDDLE_XA_SPELL; without one it may be over at once.
func lasted(began time.Time) { <-time.After(time.Until(began.Add(spell()))) }

func spell() time.Duration {
	d, _ := time.ParseDuration(os.Getenv("HEDDLE_XA_SPELL"))
	return d
}

// play runs a scenario's transaction and says what was not as it should.
func (sc scenario) play(a *mesh, n int64, ids [3]int) error {
	m, err := a.start(sc.points, sc.own)
	if err != nil {
		return err
	}
	defer m.close()
	s := &stage{m, a, n}
	db, err := sql.Open("mysql", m.Config("root", "", database).FormatDSN())
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+spell())
	defer cancel()
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	acted := make(chan error, 1)
	if sc.act != nil {
		go func() { acted <- sc.act(s) }()
	} else {
		acted <- nil
	}
	for {
		_, err = within(ctx, c, "BEGIN", "COMMIT", func() error {
			for _, id := range ids {
				if _, err := c.ExecContext(ctx, fmt.Sprintf("INSERT INTO ledger VALUES (%d, %d, 1)", id, n)); err != nil {
					return err
				}
			}
			return nil
		})
		if e, ok := errors.AsType[*mysql.MySQLError](err); !ok || e.Number != 1235 {
			break // else the process has not yet had the time to see what its servers can keep
		}
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); sc.code == 0 && err != nil || sc.code == lost && (err == nil || ok) || sc.code > lost && (!ok || e.Number != sc.code) {
		err = fmt.Errorf("COMMIT: %v, want error %d", err, sc.code)
	} else {
		err = nil
	}
	err = errors.Join(err, <-acted)
	if sc.code == lost {
		<-m.Done()
	}
	return errors.Join(err, s.noneListed())
}

// TestScenarios plays the ways in which a process can die, freeze or be cut off in one commit, all at the same time, each with a process of
// its own; two others recover what is left. What is there at the end is all of each transaction, or nothing, as it has to be.
func TestScenarios(t *testing.T) {
	a := newMesh(t)
	var others []*member
	for range 2 {
		m, err := a.start("", false)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, m)
		t.Cleanup(func() {
			if err := m.close(); err != nil {
				t.Error(err)
			}
		})
	}
	w := newWork(t, harness.Open(t, others[0].Config("root", "", database)))
	all := wholeScenarios()
	errs := make([]error, len(all))
	var playing sync.WaitGroup
	for i, sc := range all {
		ids := [3]int(w.sets[i%groups])
		playing.Go(func() { errs[i] = sc.play(a, int64(1000+i), ids) })
	}
	playing.Wait()
	clean(t)
	t.Run("25 implicit commits", func(t *testing.T) { implicitCommits(t, others[1].Open(t, "root", "", database), w) })
	for i, sc := range all {
		t.Run(sc.name, func(t *testing.T) {
			if errs[i] != nil {
				t.Error(errs[i])
			}
			there := 0
			for shard := range env.Shards {
				there += len(rowsOf(t, shard, fmt.Sprintf("SELECT id FROM torture.ledger WHERE n = %d", 1000+i)))
			}
			if want := map[bool]int{true: 3}[sc.there]; there != want {
				t.Errorf("%d of its 3 rows are there, want %d", there, want)
			}
		})
	}
}

// implicitCommits: what ends a transaction on one server ends one that is on three, as a whole: scenario 25. (tests/differential, with
// transactions of type XA, asks the same of all statements there.)
func implicitCommits(t *testing.T, db *sql.DB, w *work) {
	if _, err := db.ExecContext(t.Context(), "DROP TABLE IF EXISTS accounts_more"); err != nil {
		t.Fatal(err)
	}
	for i, ends := range []string{"BEGIN", "START TRANSACTION", "CREATE TABLE accounts_more (id INT PRIMARY KEY)", "ALTER TABLE lists COMMENT 'x'", "TRUNCATE TABLE lists", "SET autocommit = 1"} {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		run := func(text string) {
			if _, err := c.ExecContext(t.Context(), text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		run("SET autocommit = 0")
		for _, id := range w.sets[i%groups] {
			run(fmt.Sprintf("INSERT INTO ledger VALUES (%d, %d, 1)", id, 2000+i))
		}
		run(ends)
		run("ROLLBACK")
		there := 0
		for shard := range env.Shards {
			there += len(rowsOf(t, shard, fmt.Sprintf("SELECT id FROM torture.ledger WHERE n = %d", 2000+i)))
		}
		if there != 3 {
			t.Errorf("%s leaves %d of 3 rows", ends, there)
		}
		if err := c.Raw(func(any) error { return driver.ErrBadConn }); err == nil {
			t.Error("the connection is kept")
		}
	}
	clean(t)
}

// TestStoreAway: while the etcd is gone, with all that it had or not, no transaction of running processes fails, and what a killed one
// leaves is recovered: scenarios 18 and 19.
func TestStoreAway(t *testing.T) {
	a := newMesh(t)
	var members []*member
	for _, points := range []string{"", "decide.after:20=kill"} {
		m, err := a.start(points, false)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, m)
		t.Cleanup(func() {
			if err := m.close(); err != nil {
				t.Error(err)
			}
		})
	}
	w := newWork(t, harness.Open(t, members[0].Config("root", "", database)))
	back := a.loseEtcd(true)
	ran := [2]int{}
	var clients sync.WaitGroup
	enough := time.Now().Add(max(3*time.Second, spell()))
	for i, m := range members {
		db := m.Open(t, "root", "", database)
		clients.Go(func() {
			for n := 0; time.Now().Before(enough) || n < 25; n++ {
				c, err := db.Conn(t.Context())
				if err == nil {
					_, err = within(t.Context(), c, "BEGIN", "COMMIT", func() error {
						for _, id := range w.sets[i] {
							if _, err := c.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO ledger VALUES (%d, %d, 1)", id, n)); err != nil {
								return err
							}
						}
						return nil
					})
					_ = c.Close()
				}
				if err != nil && !m.alive() {
					return
				}
				if err != nil {
					<-m.Done() // it may be about to die; another may not
					return
				}
				ran[i]++
			}
		})
	}
	finished := make(chan struct{})
	go func() { clients.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(2*time.Minute + spell()):
		t.Fatal("a transaction of a process that lives has failed while the etcd was away")
	}
	if ran[0] < 25 || ran[1] != 19 {
		t.Errorf("%v transactions were acknowledged", ran)
	}
	began := time.Now()
	for !a.sees.quiet(began) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("what the killed process has left is not recovered")
		}
		<-time.After(20 * time.Millisecond)
	}
	back()
	clean(t)
	for i, want := range []int{ran[0], 20} { // the one that killed it was decided
		for shard := range env.Shards {
			if rows := rowsOf(t, shard, fmt.Sprintf("SELECT COUNT(*) FROM torture.ledger WHERE id IN (%d, %d, %d)", w.sets[i][0], w.sets[i][1], w.sets[i][2])); rows[0][0] != fmt.Sprint(want) {
				t.Errorf("shard %d has %s of client %d's %d transactions", shard, rows[0][0], i, want)
			}
		}
	}
}

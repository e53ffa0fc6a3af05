package fault

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/dev"
	"github.com/heddle-mesh/heddle/tests/harness"
)

const (
	// lasting is how long a fault stays at most: what waits for its end has to wait, like a client of one server.
	lasting = 400 * time.Millisecond
	// promised is within which time after that an answer has to be there.
	promised = 5 * time.Second
	// hopeless is when a client of the sweep stops waiting: it hangs.
	hopeless = 30 * time.Second
)

// when a fault begins.
type when int

const (
	before when = iota // the statement is sent
	early              // when a part of what passes between Heddle and the shard for it has passed
	middle
	late
	after // its answer is there: before the COMMIT, or the next statement
	moments
)

func (w when) String() string { return [...]string{"before", "early", "middle", "late", "after"}[w] }

// cell is one trial.
type cell struct {
	fault     fault
	statement sweepStatement
	when      when
	inside    bool // of a transaction that has written on both shards
}

func (c *cell) String() string {
	mode := "autocommit"
	if c.inside {
		mode = "transaction"
	}
	return fmt.Sprintf("%s/%s/%v/%s", c.fault.name, c.statement.name, c.when, mode)
}

// sweep is what all cells share.
type sweep struct {
	t      *testing.T
	h      *harness.Heddle
	site   *site
	on     []*sql.DB // the shards
	admin  string    // address of the HTTP side
	near   int       // a key on shard 0
	normal map[string]normal
	base   int       // goroutines
	beside int       // connections to a server at most that are none of the pools'
	atomic bool      // transactions are XA: no write may be on one shard alone, whatever the client is told
	looked time.Time // when a server was last asked for open transactions
	figures
}

// normal is how a statement goes when nothing is wrong.
type normal struct {
	answer        string
	without, done [2]int // on the shards
	bytes         int64  // over the link to shard 1
}

func newSweep(t *testing.T) (s *sweep, there, fresh int) {
	s = &sweep{t: t, normal: map[string]normal{}, atomic: os.Getenv("HEDDLE_FAULT_TRANSACTIONS") == "xa"}
	one := env.Shards[1]
	s.site = &site{server: one, link: harness.NewRelay(t, one.Addr()), disk: harness.SmallDisk(t, 24), admin: harness.Open(t, one.Config(""))}
	for i, shard := range env.Shards {
		db := harness.Open(t, shard.Config(""))
		further := ""
		if i == 1 {
			further = " DATA DIRECTORY = '" + s.site.disk + "'"
		}
		exec(t, db, "CREATE SCHEMA sweep")
		t.Cleanup(func() { s.clear(shard) })
		for _, user := range []string{"app_sweep", "app_hog"} { // no right to pass over max_connections or read_only
			exec(t, db, "CREATE USER "+user+"@'127.0.0.1'")
			exec(t, db, "GRANT ALL ON sweep.* TO "+user+"@'127.0.0.1'")
			if s.atomic {
				exec(t, db, "GRANT SELECT, INSERT, DELETE, CREATE ON heddle_mesh.* TO "+user+"@'127.0.0.1'")
				exec(t, db, "GRANT PROCESS, REPLICA MONITOR, BINLOG MONITOR ON *.* TO "+user+"@'127.0.0.1'")
			}
		}
		db = harness.Open(t, shard.Config("sweep"))
		for _, q := range sweepTables(further) {
			exec(t, db, q)
		}
		s.on = append(s.on, db)
	}
	s.start()
	db := s.h.Open(t, "root", "", "sweep")
	for id := 1; id <= 40; id++ {
		exec(t, db, fmt.Sprintf("INSERT INTO accounts VALUES (%d, 100, REPEAT('x', 800)), (%d, 0, '')", id, id+1000))
		exec(t, db, fmt.Sprintf("INSERT INTO victims VALUES (%d, 1)", id))
	}
	exec(t, db, "INSERT INTO marks SELECT id, 0 FROM accounts WHERE id <= 40")
	exec(t, db, "INSERT INTO rates VALUES (1, 10), (2, 10)")
	there = count(t, s.on[1], "SELECT MIN(id) FROM accounts WHERE id <= 40")
	fresh = count(t, s.on[1], "SELECT MIN(id) FROM accounts WHERE id > 1000")
	s.near = count(t, s.on[0], "SELECT MIN(id) FROM accounts WHERE id <= 40")
	for _, on := range s.on {
		exec(t, on, "DELETE FROM accounts WHERE id > 1000")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return s, there, fresh
}

// clear takes everything back from a server, past the end of the test's context.
func (s *sweep) clear(shard *dev.Server) {
	db, err := shard.Open("")
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{"DROP SCHEMA sweep", "DROP USER app_sweep@'127.0.0.1', app_hog@'127.0.0.1'"} {
		if _, err := db.ExecContext(context.Background(), q); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *sweep) start() {
	var err error
	if s.admin, err = harness.FreeAddr(); err != nil {
		s.t.Fatal(err)
	}
	s.h = env.Heddle(s.t, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf(`database: sweep
defaults: {user: app_sweep}
data_sources:
  ds_0: {address: %q}
  ds_1: {address: %q}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables: {accounts: {key: id}, victims: {key: id}, marks: {key: id}, altered: {key: id}}
broadcast: [rates]
`, env.Shards[0].Addr(), s.site.link.Addr())},
		Users: "users: {root: {}}",
		Set: map[string]string{"admin.address": s.admin, "pool.connect_timeout": "1s", "pool.wait_timeout": "1s", "pool.max": "6",
			"transactions.type": map[bool]string{false: "local", true: "xa"}[s.atomic]},
	})
}

// The faults, at each moment of each kind of statement: the client has the right answer or an error, in time; the shards
// have the statement or none of it; and afterwards nothing is left behind and everything is served. HEDDLE_FAULT_SWEEP
// runs all of them, and is the file in which the figures are written; without it the cells of a fixed selection run.
func TestFaultSweep(t *testing.T) {
	s, there, fresh := newSweep(t)
	file := os.Getenv("HEDDLE_FAULT_SWEEP")
	statements := slices.DeleteFunc(sweepStatements(there, fresh), func(st sweepStatement) bool { return st.long && file == "" })
	for _, st := range statements {
		for _, inside := range []bool{false, true} {
			s.learn(st, inside)
		}
	}
	s.rest()
	only := regexp.MustCompile(os.Getenv("HEDDLE_FAULT_ONLY"))
	for i, f := range faults() {
		for j, c := range cellsOf(f, statements) {
			if file == "" && !selected(i, j, &c) || !only.MatchString(c.String()) {
				continue
			}
			s.try(&c)
			if t.Failed() && file == "" {
				return
			}
		}
	}
	s.figures.report(t)
	if file != "" {
		s.figures.write(t, file)
	}
}

func cellsOf(f fault, statements []sweepStatement) (out []cell) {
	for _, st := range statements {
		for w := range moments {
			for _, inside := range []bool{false, true} {
				if st.kind == commits && (!inside || w == after) {
					continue // there is no transaction to end; after the end nothing of it is left to try
				}
				out = append(out, cell{f, st, w, inside})
			}
		}
	}
	return out
}

// selected are the cells of the short run: some of each fault, and with another fault another some. A disk that is full is
// not noticed by most.
func selected(fault, number int, c *cell) bool {
	return (number+7*fault)%29 == 0 || c.fault.name == "disk full" && c.statement.name == "INSERT of rows" && c.when == before
}

// learn sees how a statement goes.
func (s *sweep) learn(st sweepStatement, inside bool) {
	c := cell{statement: st, inside: inside}
	if st.kind == commits && !inside {
		return
	}
	for range 2 { // once for the plans and the connections
		var n normal
		for i := range s.on {
			n.without[i] = s.done(i, st)
		}
		o := s.play(&c, func() {}, func() {})
		if err := errors.Join(o.err, o.commit); err != nil {
			s.t.Fatalf("%v: %v", &c, err)
		}
		o.client.close()
		n.answer, n.bytes = o.answer, o.bytes
		for i := range s.on {
			n.done[i] = s.done(i, st)
		}
		s.normal[c.key()] = n
		s.undo(st)
	}
}

func (c *cell) key() string { return fmt.Sprint(c.statement.name, c.inside) }

// outcome is what the client of a cell has seen.
type played struct {
	answer      string
	err, commit error
	took        time.Duration // the longest of the answers
	bytes       int64
	client      *raw
}

// ask notes how long an answer takes.
func (o *played) ask(f func() error) error {
	began := time.Now()
	err := f()
	o.took = max(o.took, time.Since(began))
	return err
}

// play has a client of its own run the statement, with something happening in front of it and behind it.
func (s *sweep) play(c *cell, ahead, behind func()) (o played) {
	client, err := dialRaw(s.h.Addr, "sweep", hopeless)
	if err != nil {
		s.t.Fatalf("%v: %v", c, err)
	}
	o.client = client
	var id uint32
	if c.inside {
		for _, q := range []string{"BEGIN", "UPDATE marks SET v = v + 1"} {
			if _, err := client.query(q); err != nil {
				s.t.Fatalf("%v: %s: %v", c, q, err)
			}
		}
	}
	if c.statement.ready != nil {
		if id, err = c.statement.ready(client); err != nil {
			s.t.Fatalf("%v: %v", c, err)
		}
	}
	moved := s.site.link.Moved()
	ahead()
	o.err = o.ask(func() error { o.answer, err = c.statement.run(client, id); return err })
	o.bytes = s.site.link.Moved() - moved
	behind()
	if c.inside && c.statement.kind != commits {
		o.commit = o.ask(func() error { _, err := client.query("COMMIT"); return err })
	}
	return o
}

// striking is the fault of a cell: it begins once and ends once.
type striking struct {
	s     *sweep
	fault fault
	began chan struct{} // closed when it has begun
	once  sync.Once
	ended chan struct{}
}

func (s *sweep) strike(f fault) *striking {
	return &striking{s: s, fault: f, began: make(chan struct{}), ended: make(chan struct{})}
}

func (k *striking) begin() {
	k.once.Do(func() {
		if err := k.fault.begin(k.s.site); err != nil {
			k.s.t.Errorf("begin %s: %v", k.fault.name, err)
		}
		close(k.began)
	})
}

func (k *striking) hasBegun() bool {
	select {
	case <-k.began:
		return true
	default:
		return false
	}
}

// endSoon ends the fault after its time, or when released.
func (k *striking) endSoon(released chan struct{}) {
	defer close(k.ended)
	<-k.began
	timer := time.NewTimer(k.fault.time())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-released:
	}
	if err := k.fault.end(k.s.site); err != nil {
		k.s.t.Errorf("end %s: %v", k.fault.name, err)
	}
}

func (f fault) time() time.Duration { return cmp.Or(f.lasts, lasting) }

// try runs one cell and judges it.
func (s *sweep) try(c *cell) {
	t := s.t
	if c.fault.ahead != nil {
		if err := c.fault.ahead(s.site); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
	}
	k, released := s.strike(c.fault), make(chan struct{})
	go k.endSoon(released)
	began, midway := time.Now(), false
	o := s.play(c, func() {
		switch c.when {
		case before:
			k.begin()
			s.bystander(c)
		case early, middle, late:
			s.site.link.TripAfter(s.normal[c.key()].bytes*int64(c.when)*2/7, k.begin)
		}
	}, func() {
		s.site.link.TripAfter(-1, nil)
		midway = k.hasBegun()
		k.begin() // if it has not come yet
	})
	if !c.inside || c.statement.kind == commits {
		// The next statement meets the fault.
		if err := o.ask(func() error { _, err := o.client.query("SELECT COUNT(*), SUM(id) FROM accounts"); return err }); number(err) < 0 {
			t.Errorf("%v: the next statement: %v", c, err)
		}
	}
	close(released)
	<-k.ended
	s.recover(c, &o)
	s.judge(c, &o)
	s.undo(c.statement)
	s.leaks(c)
	s.figures.add(c, &o, midway && c.when != before, time.Since(began))
	if os.Getenv("HEDDLE_FAULT_TRACE") != "" {
		fmt.Fprintln(os.Stderr, time.Since(began).Round(time.Millisecond), c, "statement:", o.err, "COMMIT:", o.commit, "failed:", t.Failed())
	}
}

// bystander asks what only the other shard has to answer.
func (s *sweep) bystander(c *cell) {
	began := time.Now()
	client, err := dialRaw(s.h.Addr, "sweep", hopeless)
	if err == nil {
		_, err = client.query(fmt.Sprint("SELECT v FROM accounts WHERE id = ", s.near))
		client.close()
	}
	if took := time.Since(began); err != nil || took > promised {
		s.t.Errorf("%v: what the other shard answers: %v after %v", c, err, took)
	}
}

// recover waits until the client of the cell, and a new one, are served by both shards.
func (s *sweep) recover(c *cell, o *played) {
	t := s.t
	defer o.client.close()
	if err := s.site.admin.PingContext(t.Context()); err != nil {
		eventually(t, "the server answers", func() bool { return s.site.admin.PingContext(t.Context()) == nil })
	}
	if _, err := o.client.query("ROLLBACK"); err != nil {
		t.Errorf("%v: ROLLBACK when all is over: %v", c, err)
		return
	}
	fresh, err := dialRaw(s.h.Addr, "sweep", hopeless)
	if err != nil {
		t.Errorf("%v: log in when all is over: %v", c, err)
		return
	}
	defer fresh.close()
	for _, client := range []*raw{o.client, fresh} {
		eventually(t, c.String()+": full service", func() bool {
			_, err := client.query("SELECT COUNT(*) FROM victims, rates ORDER BY 1")
			if number(err) < 0 {
				t.Fatalf("%v: when all is over: %v", c, err)
			}
			return err == nil
		})
	}
}

// done counts what a statement has left on a shard.
func (s *sweep) done(shard int, st sweepStatement) int {
	if st.done == "" {
		return 0
	}
	return count(s.t, s.on[shard], st.done)
}

// undo puts everything as it was.
func (s *sweep) undo(st sweepStatement) {
	if st.kind == definition {
		s.finishDDL()
		client, err := dialRaw(s.h.Addr, "sweep", hopeless)
		if err == nil {
			_, err = client.query("ALTER TABLE altered DROP COLUMN IF EXISTS w")
			client.close()
		}
		if err != nil {
			s.t.Errorf("take back DDL: %v", err)
		}
	}
	for _, db := range s.on {
		exec(s.t, db, "UPDATE marks SET v = 0")
		if st.undo != "" {
			exec(s.t, db, st.undo)
		}
	}
}

// finishDDL resumes what the journal has as unfinished.
func (s *sweep) finishDDL() {
	for _, id := range entryID.FindAllString(says(s.t, s.h, 0, nil, "ddl", "list"), -1) {
		says(s.t, s.h, 0, []string{"done"}, "ddl", "resume", id)
	}
}

// spilled are the temporary files of the proxy.
func (s *sweep) spilled() (names []string) {
	err := filepath.WalkDir(filepath.Join(s.h.Dir, "state", "spill"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

// rest notes what is there when nothing is wrong. In LOCAL mode every connection that a server has is one of the pools'; else there are those too
// by which branches are looked for, which come and go, each with a goroutine.
func (s *sweep) rest() {
	s.base = s.goroutines()
	if s.atomic {
		s.beside = 20
		s.base += len(s.on) * s.beside
	}
}

// goroutines of the proxy once it has nothing to do.
func (s *sweep) goroutines() int { return goroutines(s.t, s.admin) }

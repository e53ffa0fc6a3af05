package fault

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/harness"
)

const (
	talkers   = 64
	rowsEach  = 8 // of a talker; the last is written by statements whose end it does not see
	talkSpell = 10 * time.Second
)

// talk is what the talkers share.
type talk struct {
	t       *testing.T
	h       *harness.Heddle
	ids     [talkers]atomic.Uint32 // connection ids, 0 while there is none
	stop    atomic.Bool
	mu      sync.Mutex // guards what follows
	steps   map[string]int
	errors  map[string]int
	foreign int // violations
}

// Clients that share few connections to the servers read back what they wrote, set, made wrong and were told, while they
// are killed, reset, made other users and cut off. None ever sees what is another's: every packet that a talker is sent is
// searched for tags, and its own rows, variables, ids, warnings and errors are what it left. Half of the talkers are never
// killed by anybody: none of these is told that it was. HEDDLE_CROSSTALK is how long it lasts, in place of ten seconds.
func TestCrossTalk(t *testing.T) {
	spell := talkSpell
	if text := os.Getenv("HEDDLE_CROSSTALK"); text != "" {
		var err error
		if spell, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	k := newTalk(t, talkOptions(nil, ""))
	k.run(spell)
}

// talkOptions are a heddle for talkers, with more of its configuration and of its rules.
func talkOptions(set map[string]string, rules string) harness.HeddleOptions {
	all := map[string]string{"pool.max": "16", "pool.wait_timeout": "500ms", "pool.connect_timeout": "20s", "limits.max_connections": "300"}
	maps.Copy(all, set)
	return harness.HeddleOptions{
		Rules: []string{fmt.Sprintf(`database: shop
defaults: {user: root, generator: snowflake}
data_sources:
  ds_0: {address: %q}
  ds_1: {address: %q}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables: {tagged: {key: id}, logged: {key: id, generate: id}}
`, env.Shards[0].Addr(), env.Shards[1].Addr()) + rules},
		Users: "users: {root: {}, other: {}}",
		Set:   all,
	}
}

// newTalk starts the heddle and makes the talkers' rows.
func newTalk(t *testing.T, o harness.HeddleOptions) *talk {
	t.Helper()
	k := &talk{t: t, steps: map[string]int{}, errors: map[string]int{}}
	k.h = env.Heddle(t, o)
	db := k.h.Open(t, "root", "", "shop")
	exec(t, db, "DROP TABLE IF EXISTS tagged, logged")
	exec(t, db, "CREATE TABLE tagged (id INT PRIMARY KEY, owner INT NOT NULL, tag VARCHAR(60) NOT NULL)")
	exec(t, db, "CREATE TABLE logged (id BIGINT PRIMARY KEY, tag VARCHAR(60) NOT NULL)")
	for n := range talkers {
		values := ""
		for i := range rowsEach {
			values += fmt.Sprintf(", (%d, %d, 'tag%dx0')", n*rowsEach+i, n, n)
		}
		exec(t, db, "INSERT INTO tagged VALUES "+values[2:])
	}
	return k
}

// run has all talkers talk, and judges what they have said.
func (k *talk) run(spell time.Duration) {
	t := k.t
	var all sync.WaitGroup
	for n := range talkers {
		all.Go(func() { newTalker(k, n).run() })
	}
	timer := time.NewTimer(spell)
	<-timer.C
	k.stop.Store(true)
	all.Wait()
	steps := 0
	for _, n := range k.steps {
		steps += n
	}
	t.Logf("%d clients, %v: %d steps, %d violations\nsteps: %s\nerrors: %s", talkers, spell, steps, k.foreign, counts(k.steps), counts(k.errors))
	for name := range talkerSteps() {
		if k.steps[name] == 0 {
			t.Errorf("nobody has tried: %s", name)
		}
	}
}

func counts(m map[string]int) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s: %d", name, m[name]))
	}
	return strings.Join(out, ", ")
}

// violation is what must not be. The first twenty are printed.
func (k *talk) violation(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.foreign++; k.foreign <= 20 {
		k.t.Errorf(format, args...)
	}
}

// talker is one client. It knows what its rows may hold: more than one thing where it was not told how a write ended.
type talker struct {
	*talk
	n       int
	killed  bool // it may be
	random  *rand.Rand
	c       *raw
	id      uint32
	turn    int
	rows    [rowsEach - 1]map[string]bool
	who     string // @who; "" is NULL
	limit   int    // group_concat_max_len; 0 is the server's
	user    string
	read    uint32 // prepared
	written uint32
}

func newTalker(k *talk, n int) *talker {
	a := &talker{talk: k, n: n, killed: n < talkers/2, random: rand.New(rand.NewPCG(7, uint64(n)))}
	for i := range a.rows {
		a.rows[i] = map[string]bool{fmt.Sprintf("tag%dx0", n): true}
	}
	return a
}

// talkerSteps are what a talker does, by name.
func talkerSteps() map[string]func(*talker) error {
	return map[string]func(*talker) error{
		"point write":      (*talker).pointWrite,
		"point read":       (*talker).pointRead,
		"fan-out read":     (*talker).fanOutRead,
		"prepared write":   (*talker).preparedWrite,
		"prepared read":    (*talker).preparedRead,
		"variables":        (*talker).variables,
		"transaction":      (*talker).transaction,
		"warning":          (*talker).warning,
		"error":            (*talker).mistake,
		"insert id":        (*talker).insertID,
		"connection id":    (*talker).connectionID,
		"row counts":       (*talker).rowCounts,
		"KILL QUERY":       (*talker).killQuery,
		"RESET CONNECTION": (*talker).reset,
		"CHANGE USER":      (*talker).changeUser,
		"closed in a read": func(a *talker) error {
			return a.hangUp("SELECT tag, SLEEP(0.01) FROM tagged WHERE owner = " + strconv.Itoa(a.n))
		},
		"closed in a write": func(a *talker) error { return a.hangUp(a.setTag(rowsEach-1, a.newTag())) },
		"closed in a transaction": func(a *talker) error {
			if _, err := a.ask("BEGIN"); err != nil {
				return err
			}
			if _, err := a.ask(a.setTag(0, a.newTag())); err != nil {
				return a.rollback(err)
			}
			return a.hangUp("UPDATE tagged SET tag = CONCAT(tag, 'y') WHERE owner = " + strconv.Itoa(a.n))
		},
	}
}

func (a *talker) run() {
	defer func() {
		if a.c != nil {
			a.c.close()
		}
	}()
	steps := talkerSteps()
	names := slices.Sorted(maps.Keys(steps))
	mine := map[string]int{}
	for !a.stop.Load() {
		if a.c == nil && !a.connect() || a.c == nil {
			continue
		}
		name := names[a.random.IntN(len(names))]
		mine[name]++
		if err := steps[name](a); err != nil {
			a.failed(name, err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, n := range mine {
		a.steps[name] += n
	}
}

func (a *talker) connect() bool {
	c, err := dialRaw(a.h.Addr, "shop", 60*time.Second)
	if err != nil {
		a.violation("talker %d cannot log in: %v", a.n, err)
		return false
	}
	a.c, a.who, a.limit, a.user, a.read, a.written = c, "", 0, "root", 0, 0
	c.see = a.search
	rows, err := a.table("SELECT CONNECTION_ID()")
	if err != nil {
		a.failed("log in", err)
		c.close()
		a.c = nil
		return true
	}
	id, _ := strconv.ParseUint(rows[0][0], 10, 32) // 0 is found by the next step that compares it
	a.id = uint32(id)
	a.ids[a.n].Store(a.id)
	return true
}

var tags = regexp.MustCompile(`tag(\d+)x`)

// search looks for what is another's in a packet.
func (a *talker) search(p []byte) {
	for _, m := range tags.FindAllSubmatch(p, -1) {
		if string(m[1]) != strconv.Itoa(a.n) {
			a.violation("talker %d is sent what belongs to %s: %q", a.n, m[1], p)
			return
		}
	}
}

// failed judges an error: which ones there may be, and for whom.
func (a *talker) failed(step string, err error) {
	n := number(err)
	a.mu.Lock()
	a.errors[strconv.Itoa(n)]++
	a.mu.Unlock()
	switch {
	case n == 1317 && a.killed:
	case (n == 1180 || n == 1213 || n == 1429) && a.killed: // a KILL that took too long to be told has cost the connection
	case n == 1429 && strings.Contains(err.Error(), "became free"): // few connections are the point
	case n == 1213 && step == "transaction": // it waits for a lock of one that it has left open, and waits of atomic ones are bounded
	case n < 0:
		a.violation("talker %d loses its connection in %s: %v", a.n, step, err)
		_ = a.c.Conn.Close() // what it is good for is not known
		a.c = nil
	default:
		a.violation("talker %d, %s: %v", a.n, step, err)
	}
}

func (a *talker) newTag() string { a.turn++; return fmt.Sprintf("tag%dx%d", a.n, a.turn) }

func (a *talker) key(i int) int { return a.n*rowsEach + i }

func (a *talker) setTag(i int, tag string) string {
	return fmt.Sprintf("UPDATE tagged SET tag = '%s' WHERE id = %d", tag, a.key(i))
}

func (a *talker) ask(sql string) (string, error) { return a.c.query(sql) }

func (a *talker) table(sql string) ([][]string, error) { return a.c.table(sql) }

// wrote notes how a write of a row ended.
func (a *talker) wrote(i int, tag string, err error) error {
	if err == nil {
		a.rows[i] = map[string]bool{tag: true}
	} else {
		a.rows[i][tag] = true
	}
	return err
}

// found compares what a row holds with what it may hold; from then on it holds that.
func (a *talker) found(how string, i int, tag string) {
	if i == rowsEach-1 {
		return // any tag of its own
	}
	if !a.rows[i][tag] {
		a.violation("talker %d, %s: row %d holds %q, and may hold %v", a.n, how, i, tag, a.rows[i])
	}
	a.rows[i] = map[string]bool{tag: true}
}

func (a *talker) pointWrite() error {
	i, tag := a.random.IntN(len(a.rows)), a.newTag()
	_, err := a.ask(a.setTag(i, tag))
	return a.wrote(i, tag, err)
}

func (a *talker) pointRead() error {
	i := a.random.IntN(len(a.rows))
	rows, err := a.table(fmt.Sprint("SELECT tag FROM tagged WHERE id = ", a.key(i)))
	if err == nil {
		a.compare("a point read", []int{i}, rows)
	}
	return err
}

// compare looks at rows of which the last column is the tag.
func (a *talker) compare(how string, which []int, rows [][]string) {
	if len(rows) != len(which) {
		a.violation("talker %d, %s: %d rows, want %d", a.n, how, len(rows), len(which))
		return
	}
	for j, i := range which {
		a.found(how, i, rows[j][len(rows[j])-1])
	}
}

func (a *talker) fanOutRead() error {
	rows, err := a.table(fmt.Sprintf("SELECT id, tag FROM tagged WHERE owner = %d ORDER BY id", a.n))
	if err == nil {
		a.compare("a fan-out read", []int{0, 1, 2, 3, 4, 5, 6, 7}, rows)
	}
	return err
}

func (a *talker) preparedWrite() (err error) {
	if a.written == 0 {
		if a.written, err = a.c.prepare(fmt.Sprintf("UPDATE tagged SET tag = CONCAT('tag%dx', ?) WHERE id = ?", a.n)); err != nil {
			return err
		}
	}
	i, tag := a.random.IntN(len(a.rows)), a.newTag()
	_, err = a.c.execute(a.written, 0, int64(a.turn), int64(a.key(i)))
	return a.wrote(i, tag, err)
}

func (a *talker) preparedRead() (err error) {
	if a.read == 0 {
		if a.read, err = a.c.prepare("SELECT id, tag FROM tagged WHERE id IN (?, ?) ORDER BY id"); err != nil {
			return err
		}
	}
	i := a.random.IntN(len(a.rows) - 1)
	var packets []string
	a.c.see = func(p []byte) { a.search(p); packets = append(packets, string(p)) }
	_, err = a.c.execute(a.read, 0, int64(a.key(i)), int64(a.key(i+1)))
	a.c.see = a.search
	if err != nil {
		return err
	}
	var rows [][]string
	for _, p := range packets {
		if at := strings.Index(p, fmt.Sprintf("tag%dx", a.n)); at >= 0 {
			rows = append(rows, []string{p[at:]}) // the last value of a binary row stands as it is
		}
	}
	a.compare("a prepared read", []int{i, i + 1}, rows)
	return nil
}

func (a *talker) variables() error {
	if a.random.IntN(2) == 0 {
		who, limit := a.newTag(), 2000+a.random.IntN(1000)
		if _, err := a.ask(fmt.Sprintf("SET @who = '%s', SESSION group_concat_max_len = %d", who, limit)); err != nil {
			a.who, a.limit = "?", -1 // not known until it is set again
			return err
		}
		a.who, a.limit = who, limit
	}
	rows, err := a.table("SELECT COALESCE(@who, ''), @@SESSION.group_concat_max_len")
	if err != nil {
		return err
	}
	limit := cmp.Or(a.limit, 1<<20)
	if a.limit >= 0 && (rows[0][0] != a.who || rows[0][1] != strconv.Itoa(limit)) {
		a.violation("talker %d has variables %q, want %q and %d", a.n, rows[0], a.who, limit)
	}
	return nil
}

// rollback ends a transaction in which something went wrong; a KILL may strike that too.
func (a *talker) rollback(why error) error {
	for range 5 {
		if _, err := a.ask("ROLLBACK"); number(err) != 1317 {
			if err != nil {
				return err
			}
			return why
		}
	}
	return why
}

func (a *talker) transaction() error {
	if _, err := a.ask("BEGIN"); err != nil {
		return err
	}
	i, tag := a.random.IntN(len(a.rows)-1), a.newTag()
	for _, row := range []int{i, i + 1} {
		if _, err := a.ask(a.setTag(row, tag)); err != nil {
			return a.rollback(err)
		}
	}
	rows, err := a.table(fmt.Sprintf("SELECT tag FROM tagged WHERE id IN (%d, %d) ORDER BY id", a.key(i), a.key(i+1)))
	if err != nil {
		return a.rollback(err)
	}
	if len(rows) != 2 || rows[0][0] != tag || rows[1][0] != tag {
		a.violation("talker %d reads %q in its transaction, want %s", a.n, rows, tag)
	}
	if a.random.IntN(3) == 0 {
		return a.rollback(nil)
	}
	_, err = a.ask("COMMIT")
	return cmp.Or(a.wrote(i, tag, err), a.wrote(i+1, tag, err), a.rollback(nil))
}

func (a *talker) warning() error {
	tag := a.newTag()
	if _, err := a.ask(fmt.Sprintf("SELECT COUNT(*) FROM tagged WHERE owner = %d AND CAST('%s' AS SIGNED) = 0", a.n, tag)); err != nil {
		return err
	}
	rows, err := a.table("SHOW WARNINGS")
	if err == nil && (len(rows) == 0 || !strings.Contains(rows[0][2], tag)) {
		a.violation("talker %d is warned of %q, want %s", a.n, rows, tag)
	}
	return err
}

// mistake has a server say an error that names the talker.
func (a *talker) mistake() error {
	tag := a.newTag()
	statement := fmt.Sprintf("SELECT %s FROM tagged", tag)
	if a.random.IntN(2) == 0 {
		statement = fmt.Sprintf("INSERT INTO tagged VALUES (%d, %d, '%s')", a.key(0), a.n, tag)
		tag = fmt.Sprintf("'%d'", a.key(0))
	}
	_, err := a.ask(statement)
	switch n := number(err); {
	case n != 1054 && n != 1062:
		return err
	case !strings.Contains(err.Error(), tag):
		a.violation("talker %d is told %v, want %s", a.n, err, tag)
	}
	return nil
}

func (a *talker) insertID() error {
	tag := a.newTag()
	if _, err := a.ask("INSERT INTO logged (tag) VALUES ('" + tag + "')"); err != nil {
		return err
	}
	rows, err := a.table("SELECT tag FROM logged WHERE id = LAST_INSERT_ID()")
	if err == nil && (len(rows) != 1 || rows[0][0] != tag) {
		a.violation("talker %d finds %q by its insert id, want %s", a.n, rows, tag)
	}
	return err
}

func (a *talker) connectionID() error {
	rows, err := a.table("SELECT CONNECTION_ID(), CURRENT_USER()")
	if err == nil && (rows[0][0] != strconv.Itoa(int(a.id)) || !strings.HasPrefix(rows[0][1], a.user+"@")) {
		a.violation("talker %d is %q, want %d and %s", a.n, rows[0], a.id, a.user)
	}
	return err
}

func (a *talker) rowCounts() error {
	limit := 1 + a.random.IntN(4)
	if _, err := a.ask(fmt.Sprintf("SELECT tag FROM tagged WHERE owner = %d LIMIT %d", a.n, limit)); err != nil {
		return err
	}
	rows, err := a.table("SELECT FOUND_ROWS()")
	if err == nil && rows[0][0] != strconv.Itoa(limit) {
		a.violation("talker %d has found %s rows, want %d", a.n, rows[0][0], limit)
	}
	return err
}

func (a *talker) killQuery() error {
	id := a.ids[a.random.IntN(talkers/2)].Load()
	if id == 0 || id == a.id {
		return nil
	}
	_, err := a.ask(fmt.Sprint("KILL QUERY ", id))
	if number(err) == 1094 { // gone meanwhile
		return nil
	}
	return err
}

// forget is what a reset and another user have in common.
func (a *talker) forget(err error) error {
	if err == nil {
		a.who, a.limit, a.read, a.written = "", 0, 0, 0
	}
	return err
}

func (a *talker) reset() error {
	if err := a.c.send(wire.Bare(wire.ComResetConnection)); err != nil {
		return err
	}
	_, err := a.c.answer()
	return a.forget(err)
}

func (a *talker) changeUser() error {
	user := []string{"root", "other"}[a.random.IntN(2)]
	err := a.c.send(&wire.ChangeUser{User: user, Database: "shop", Collation: uint16(wire.CollationUTF8MB4GeneralCI), AuthPlugin: wire.AuthNative})
	if err != nil {
		return err
	}
	if _, err = a.c.answer(); err == nil {
		a.user = user
	}
	return a.forget(err)
}

// hangUp sends a statement and goes away, sooner or later.
func (a *talker) hangUp(sql string) error {
	a.ids[a.n].Store(0)
	if err := a.c.send(&wire.Query{SQL: []byte(sql)}); err != nil {
		return err
	}
	if a.random.IntN(2) == 0 {
		timer := time.NewTimer(time.Duration(a.random.IntN(20)) * time.Millisecond)
		<-timer.C
	}
	err := a.c.Conn.Close()
	a.c = nil
	return err
}

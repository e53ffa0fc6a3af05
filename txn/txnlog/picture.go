package txnlog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"
)

// looks are the pictures of a server's open transactions. A server shows the same one, to all who ask, until nobody has asked for
// 0.1 s: so who looks often sees old ones, and makes everybody else see them. Lookers of a process share a picture, those of
// several wait for each other by a lock of the server, and one in which the looker's own transaction is missing is none.
type looks struct {
	turn chan struct{} // held by who looks
	mu   sync.Mutex    // guards what follows
	last *scene
	wait map[uint32]bool // recovery's connections that wait for a mark: of these, pictures have whom they wait for

	places chan struct{} // see placed
}

// pictures are those of the server's connections, however often it was probed.
func (s *Server) pictures() *looks {
	if l := s.looks.Load(); l != nil {
		return l
	}
	s.looks.CompareAndSwap(nil, &looks{turn: make(chan struct{}, 1), places: make(chan struct{}, places), wait: map[uint32]bool{}})
	return s.looks.Load()
}

// waiting has pictures show whom a connection waits for, until over is called.
func (l *looks) waiting(conn uint32) (over func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wait[conn] = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.wait, conn)
	}
}

// seen is the last picture, if it will do; else nil.
func (l *looks) seen(enough func(*scene) bool) *scene {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil && enough(l.last) {
		return l.last
	}
	return nil
}

// scene is what a picture shows.
type scene struct {
	since map[uint32]float64 // the connections that have a transaction, and for how many seconds, or up to one more, without the one that asked
	self  uint32             // the connection that asked
	wrote map[uint32]bool    // those whose transaction has written
	loose map[string]float64 // transactions that have written and that no connection has, by the server's names, and for how many seconds they have been there, or up to one more
	began time.Time          // it is of a moment later than this
	asked time.Time          // ages are as of this moment, or later
	// awaited are, by connection of recovery's that waits for a mark, those that have it and wait for none. On MySQL there are none.
	awaited map[uint32]map[uint32]bool

	rollbacks []float64 // of no connection, and being rolled back: what a crash has left, or a branch; ages as above
}

const (
	idle     = 120 * time.Millisecond // what a server's picture is old after
	lookLock = "heddle.txn.look"

	lookSilence = 2 * time.Second // that a server takes from who has that lock
)

// picture is of a moment after the call. It takes a tenth of a second at least.
func (s *Server) picture(ctx context.Context) (*scene, error) {
	arrived := time.Now()
	return s.pictureIf(ctx, func(pic *scene) bool { return pic.began.After(arrived) })
}

// pictureIf is the last picture that anybody in this process has had, if it is enough, or a new one.
func (s *Server) pictureIf(ctx context.Context, enough func(*scene) bool) (*scene, error) {
	l := s.pictures()
	if pic := l.seen(enough); pic != nil {
		return pic, nil
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("look at the transactions: %w", ctx.Err())
	}
	if pic := l.seen(enough); pic != nil { // others waited for the same
		return pic, nil
	}
	pic, err := s.look(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the transactions: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = pic
	return pic, nil
}

// ErrOldPicture is why it cannot be told which transactions a server has open.
var ErrOldPicture = errors.New("the server shows an old list of transactions, as it does while somebody asks for it more often than ten times a second")

func (s *Server) look(ctx context.Context) (*scene, error) {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer letLook(ctx, conn)
	if err := takeLook(ctx, conn); err != nil {
		return nil, err
	}
	for pause := idle; ; pause = idle + rand.N(2*pause) {
		if pic, own, err := s.look1(ctx, conn, pause); err != nil || own {
			return pic, err
		}
		if pause > 20*idle {
			return nil, ErrOldPicture
		}
	}
}

// takeLook waits for the lock of those who look. Who has it may stand still: so a server ends the connection of a looker that is silent for two seconds, or
// takes nothing for as long, and nobody waits for more than half a second (one, on MySQL, which rounds) for one and the same. Who goes without the lock may
// have others look anew: that is seen.
func takeLook(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET wait_timeout = %[1]d, net_write_timeout = %[1]d", lookSilence/time.Second)); err != nil {
		return err
	}
	var before, locked, after sql.NullInt64
	err := conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?), GET_LOCK(?, 0.5), IS_USED_LOCK(?)", lookLock, lookLock, lookLock).Scan(&before, &locked, &after)
	if err != nil || locked.Int64 == 1 || before == after {
		return err
	}
	return conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 2)", lookLock).Scan(&locked) // it goes round
}

// letLook has a connection be as any other again, or end.
func letLook(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookSilence)
	defer cancel()
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK(?)", lookLock)
	if err == nil {
		_, err = conn.ExecContext(ctx, "SET wait_timeout = DEFAULT, net_write_timeout = DEFAULT")
	}
	if err != nil {
		discard(conn)
	}
}

// discard ends a connection in place of giving it back.
func discard(conn *sql.Conn) { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }

// look1 reports also whether the picture has the transaction in which it was asked for.
func (s *Server) look1(ctx context.Context, conn *sql.Conn, pause time.Duration) (pic *scene, own bool, err error) {
	pic = &scene{since: map[uint32]float64{}, wrote: map[uint32]bool{}, loose: map[string]float64{}, began: time.Now(), awaited: map[uint32]map[uint32]bool{}}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = tx.Rollback() }()
	var self uint32
	if err := tx.QueryRowContext(ctx, "SELECT CONNECTION_ID() FROM "+Schema+".txn_log LIMIT 1").Scan(&self); err != nil { // it begins here
		return nil, false, err
	}
	if _, err := tx.ExecContext(ctx, "DO SLEEP(?)", pause.Seconds()); err != nil { // there, for here the server would have to take it for silence
		return nil, false, err
	}
	pic.asked = time.Now()
	trxs, err := pic.transactions(ctx, tx)
	if err == nil && !s.Detaches {
		err = pic.waits(ctx, tx, trxs, s.pictures().waiters())
	}
	if err != nil {
		return nil, false, err
	}
	_, own = pic.since[self]
	delete(pic.since, self)
	pic.self = self
	return pic, own, nil
}

// waiters are the connections of which it is asked for whom they wait.
func (l *looks) waiters() map[uint32]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.wait)
}

// trx is a transaction.
type trx struct {
	conn  uint32 // 0: nobody's
	waits bool   // for a lock
	wrote bool
}

// nameless is what a server calls all transactions that have locked nothing to write it.
const nameless = "0"

// transactions returns what is to be known for waits, by the server's names: those that share one are left out.
func (pic *scene) transactions(ctx context.Context, tx *sql.Tx) (map[string]trx, error) {
	// trx_started is in the zone that the server lives in, whatever the session's is.
	rows, err := tx.QueryContext(ctx, "SELECT trx_id, trx_mysql_thread_id, TIMESTAMPDIFF(MICROSECOND, CONVERT_TZ(trx_started, 'SYSTEM', '+00:00'), UTC_TIMESTAMP(6)) / 1000000, "+
		"trx_rows_modified, trx_state FROM information_schema.INNODB_TRX")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[string]trx{}
	for rows.Next() {
		var name, state string
		var id uint32
		var age float64
		var written uint64
		if err := rows.Scan(&name, &id, &age, &written, &state); err != nil {
			return nil, err
		}
		switch {
		case id != 0 || written == 0 || state == "COMMITTING": // by somebody, or by the server itself, which keeps statistics of tables: it can take seconds
		case state == "ROLLING BACK":
			pic.rollbacks = append(pic.rollbacks, age)
		default:
			pic.loose[name] = age
		}
		pic.wrote[id] = pic.wrote[id] || written > 0
		pic.since[id] = max(age, pic.since[id])
		if name != nameless {
			all[name] = trx{id, state == "LOCK WAIT", written > 0}
		}
	}
	return all, rows.Err()
}

// waits asks for whom the waiters wait: for no others, for those behind one row are each listed with all before them. Who has a mark has written it. So other waiters
// for it are left out, and whoever has it for a moment because it was free.
func (pic *scene) waits(ctx context.Context, tx *sql.Tx, all map[string]trx, waiters map[uint32]bool) error {
	var of []any
	for name, by := range all {
		if by.waits && waiters[by.conn] {
			of = append(of, name)
		}
	}
	if len(of) == 0 {
		return nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT requesting_trx_id, blocking_trx_id FROM information_schema.INNODB_LOCK_WAITS WHERE requesting_trx_id IN ("+placeholders(len(of))+")", of...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var waiter, holder string
		if err := rows.Scan(&waiter, &holder); err != nil {
			return err
		}
		from, by := all[waiter], all[holder]
		if !from.waits || !waiters[from.conn] || by.waits || !by.wrote {
			continue
		}
		if pic.awaited[from.conn] == nil {
			pic.awaited[from.conn] = map[uint32]bool{}
		}
		pic.awaited[from.conn][by.conn] = true
	}
	return rows.Err()
}

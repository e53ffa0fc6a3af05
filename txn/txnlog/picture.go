package txnlog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// looks are the pictures of a server's open transactions. A server shows the same one, to all who ask, until nobody has asked for
// 0.1 s: so who looks often sees old ones, and makes everybody else see them. Lookers of a process share a picture, those of
// several wait for each other by a lock of the server, and one in which the looker's own transaction is missing is none.
type looks struct {
	once  sync.Once
	turn  chan struct{} // held by who looks
	began time.Time     // of the last picture; owned by who has the turn
	last  *scene

	killers chan struct{} // a place for each that ends a connection
}

func (l *looks) init() {
	l.turn, l.killers = make(chan struct{}, 1), make(chan struct{}, killers)
}

// scene is what a picture shows.
type scene struct {
	since map[uint32]float64 // the connections that have a transaction, and for how many seconds, without the one that asked
	self  uint32             // the connection that asked
	wrote map[uint32]bool    // those whose transaction has written
	loose map[string]float64 // transactions that have written and that no connection has, by the server's names, and for how many seconds they have been there
	asked time.Time          // it is of this moment, or later
	// awaited are, by connection that waits for a lock of rows, those that have it and wait for none. On MySQL there are none.
	awaited map[uint32]map[uint32]bool

	rollbacks []float64 // of no connection, and being rolled back: what a crash has left, or a branch; for how many seconds they have been there
}

const (
	idle     = 120 * time.Millisecond // what a server's picture is old after
	lookLock = "heddle.txn.look"

	lookSilence = 2 * time.Second // that a server takes from who has that lock
)

// picture is of a moment after the call. It takes a tenth of a second at least.
func (s *Server) picture(ctx context.Context) (*scene, error) {
	l := &s.looks
	l.once.Do(l.init)
	arrived := time.Now()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("look at the transactions: %w", ctx.Err())
	}
	if l.last != nil && l.began.After(arrived) {
		return l.last, nil
	}
	began := time.Now()
	last, err := s.look(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the transactions: %w", err)
	}
	l.began, l.last = began, last
	return last, nil
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
	pic = &scene{since: map[uint32]float64{}, wrote: map[uint32]bool{}, loose: map[string]float64{}, asked: time.Now(), awaited: map[uint32]map[uint32]bool{}}
	if err := pic.transactions(ctx, tx); err != nil {
		return nil, false, err
	}
	if !s.Detaches {
		if err := pic.waits(ctx, tx); err != nil {
			return nil, false, err
		}
	}
	_, own = pic.since[self]
	delete(pic.since, self)
	pic.self = self
	return pic, own, nil
}

func (pic *scene) transactions(ctx context.Context, tx *sql.Tx) error {
	// trx_started is in the zone that the server lives in, whatever the session's is.
	rows, err := tx.QueryContext(ctx, "SELECT trx_id, trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, CONVERT_TZ(trx_started, 'SYSTEM', '+00:00'), UTC_TIMESTAMP()), "+
		"trx_rows_modified, trx_state FROM information_schema.INNODB_TRX")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var trx, state string
		var id uint32
		var age float64
		var written uint64
		if err := rows.Scan(&trx, &id, &age, &written, &state); err != nil {
			return err
		}
		switch {
		case id != 0 || written == 0 || state == "COMMITTING": // by somebody, or by the server itself, which keeps statistics of tables: it can take seconds
		case state == "ROLLING BACK":
			pic.rollbacks = append(pic.rollbacks, age)
		default:
			pic.loose[trx] = age
		}
		pic.wrote[id] = pic.wrote[id] || written > 0
		pic.since[id] = max(age, pic.since[id])
	}
	return rows.Err()
}

// waits asks for what the same picture shows of who waits for whom.
func (pic *scene) waits(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id FROM information_schema.INNODB_LOCK_WAITS w "+
		"JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id WHERE b.trx_state <> 'LOCK WAIT'")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var waiter, holder uint32
		if err := rows.Scan(&waiter, &holder); err != nil {
			return err
		}
		if pic.awaited[waiter] == nil {
			pic.awaited[waiter] = map[uint32]bool{}
		}
		pic.awaited[waiter][holder] = true
	}
	return rows.Err()
}

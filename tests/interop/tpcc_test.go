package interop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// The size of the load: small, so that transactions meet, and two warehouses on each data source.
const (
	tpccWarehouses = 4
	tpccDistricts  = 3 // of each warehouse
	tpccCustomers  = 10
	tpccItems      = 15
	tpccTerminals  = 6
	tpccTime       = 3 * time.Second
)

// tpcc is the load on one target.
type tpcc struct {
	db    *sql.DB
	done  [4]atomic.Int64 // transactions committed: new order, payment, delivery, order status
	retry atomic.Int64    // transactions that the server gave up for a deadlock or a lock time-out
}

func TestTPCC(t *testing.T) {
	r := newRatchet(t, "tpcc")
	for _, name := range []string{"plain", "one", "many"} {
		cfg := lab.heddle.Config("root", "", "tpcc_"+name)
		if name == "plain" {
			cfg.Addr = env.Plain.Addr()
		}
		// A deadlock over two data sources is no deadlock for either: it ends with the time-out.
		cfg.Params = map[string]string{"innodb_lock_wait_timeout": "1"}
		load := &tpcc{db: harness.Open(t, cfg)}
		load.db.SetMaxIdleConns(tpccTerminals)
		r.check(t, name+"/populate", func() error { return load.populate(t.Context()) })
		r.check(t, name+"/run", func() error { return load.run(t.Context()) })
		t.Logf("%s: %d new orders, %d payments, %d deliveries, %d order states; %d transactions begun anew",
			name, load.done[0].Load(), load.done[1].Load(), load.done[2].Load(), load.done[3].Load(), load.retry.Load())
		for _, c := range tpccConditions {
			r.check(t, name+"/"+c.name, func() error { return want(t.Context(), load.db, 0, c.query) })
		}
		r.check(t, name+"/counts", func() error { return load.counts(t.Context()) })
	}
}

// run lets the terminals work for a while; the first error ends all.
func (l *tpcc) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	end := time.Now().Add(tpccTime)
	for i := range tpccTerminals {
		g.Go(func() error {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			home := i%tpccWarehouses + 1
			for time.Now().Before(end) {
				if err := l.transaction(ctx, random, home); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for kind := range l.done {
		if l.done[kind].Load() == 0 {
			return fmt.Errorf("no transaction of kind %d was committed", kind)
		}
	}
	return nil
}

// errUnused is the item that does not exist: one new order of a hundred names it and is rolled back.
var errUnused = errors.New("unused item")

// transaction runs one transaction of the mix until the server commits it.
func (l *tpcc) transaction(ctx context.Context, random *rand.Rand, home int) error {
	kind := 0
	switch n := random.IntN(100); {
	case n < 45:
	case n < 88:
		kind = 1
	case n < 94:
		kind = 2
	default:
		kind = 3
	}
	work := []func(context.Context, *sql.Tx, *rand.Rand, int) error{newOrder, payment, delivery, orderStatus}[kind]
	for {
		err := l.attempt(ctx, work, random, home)
		var e *mysql.MySQLError
		switch {
		case err == nil:
			l.done[kind].Add(1)
			return nil
		case errors.Is(err, errUnused):
			return nil
		case errors.As(err, &e) && (e.Number == 1213 || e.Number == 1205):
			l.retry.Add(1)
		default:
			return fmt.Errorf("transaction of kind %d: %w", kind, err)
		}
	}
}

func (l *tpcc) attempt(ctx context.Context, work func(context.Context, *sql.Tx, *rand.Rand, int) error, random *rand.Rand, home int) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := work(ctx, tx, random, home); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			return fmt.Errorf("roll back after %v: %w", err, rollback)
		}
		return err
	}
	return tx.Commit()
}

// tpccConditions are queries that count what is inconsistent, after the clauses of TPC-C's third chapter.
var tpccConditions = []struct{ name, query string }{
	{"year_to_date_of_districts", `SELECT COUNT(*) FROM warehouse w JOIN
		(SELECT d_w_id, SUM(d_ytd) AS ytd FROM district GROUP BY d_w_id) d ON d.d_w_id = w.w_id WHERE w.w_ytd <> d.ytd`},
	{"next_order_ids", `SELECT COUNT(*) FROM district d JOIN (SELECT o_w_id, o_d_id, MAX(o_id) AS top FROM orders GROUP BY o_w_id, o_d_id) o
		ON o.o_w_id = d.d_w_id AND o.o_d_id = d.d_id WHERE d.d_next_o_id <> o.top + 1`},
	{"orders_without_gaps", `SELECT COUNT(*) FROM (SELECT o_w_id, o_d_id FROM orders GROUP BY o_w_id, o_d_id HAVING COUNT(*) <> MAX(o_id)) t`},
	{"new_orders_without_gaps", `SELECT COUNT(*) FROM (SELECT no_w_id, no_d_id FROM new_orders GROUP BY no_w_id, no_d_id
		HAVING MAX(no_o_id) - MIN(no_o_id) + 1 <> COUNT(*)) t`},
	{"lines_of_orders", `SELECT COUNT(*) FROM orders o JOIN (SELECT ol_w_id, ol_d_id, ol_o_id, COUNT(*) AS n FROM order_line GROUP BY ol_w_id, ol_d_id, ol_o_id) l
		ON l.ol_w_id = o.o_w_id AND l.ol_d_id = o.o_d_id AND l.ol_o_id = o.o_id WHERE l.n <> o.o_ol_cnt`},
	{"delivered_lines", `SELECT COUNT(*) FROM orders o JOIN order_line l ON l.ol_w_id = o.o_w_id AND l.ol_d_id = o.o_d_id AND l.ol_o_id = o.o_id
		WHERE (o.o_carrier_id IS NULL) <> (l.ol_delivered = 0)`},
	{"undelivered_orders", `SELECT COUNT(*) FROM orders o LEFT JOIN new_orders n ON n.no_w_id = o.o_w_id AND n.no_d_id = o.o_d_id AND n.no_o_id = o.o_id
		WHERE (o.o_carrier_id IS NULL) <> (n.no_o_id IS NOT NULL)`},
	{"balances_of_customers", `SELECT COUNT(*) FROM customer WHERE c_ytd_payment <> 10 - (c_balance - c_delivered) OR c_payments < 1`},
}

// counts compares sums over all shards that no condition within a warehouse can: what left one warehouse's stock was
// ordered in another.
func (l *tpcc) counts(ctx context.Context) error {
	for _, pair := range [][2]string{
		{"SELECT SUM(s_ytd) FROM stock", "SELECT SUM(ol_quantity) FROM order_line"},
		{"SELECT SUM(s_order_cnt) FROM stock", "SELECT COUNT(*) FROM order_line"},
		{"SELECT SUM(s_remote_cnt) FROM stock", "SELECT COUNT(*) FROM order_line WHERE ol_supply_w_id <> ol_w_id"},
		{"SELECT SUM(o_ol_cnt) FROM orders", "SELECT COUNT(*) FROM order_line"},
		{"SELECT CAST(SUM(w_ytd) * 100 AS SIGNED) FROM warehouse", "SELECT CAST(SUM(h_amount) * 100 AS SIGNED) FROM history"},
		{"SELECT CAST(SUM(c_ytd_payment - 10) * 100 AS SIGNED) FROM customer", "SELECT CAST(SUM(h_amount) * 100 AS SIGNED) FROM history"},
		{"SELECT CAST(SUM(c_delivered) * 100 AS SIGNED) FROM customer", "SELECT CAST(SUM(ol_amount) * 100 AS SIGNED) FROM order_line WHERE ol_delivered = 1"},
		{fmt.Sprint("SELECT ", l.done[0].Load()), "SELECT COUNT(*) FROM orders"},
		{fmt.Sprint("SELECT ", l.done[1].Load()), "SELECT COUNT(*) FROM history"},
	} {
		left, err1 := number(ctx, l.db, pair[0])
		right, err2 := number(ctx, l.db, pair[1])
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("%v: %w", pair, err)
		}
		if left != right || left == 0 {
			return fmt.Errorf("%s is %d, %s is %d", pair[0], left, pair[1], right)
		}
	}
	return nil
}

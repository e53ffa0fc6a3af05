package interop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
)

// tpccTables in the order of their creation. A customer's key is its warehouse, as is every other table's but item's,
// of which each data source has a copy.
var tpccTables = []struct{ name, columns string }{
	{"warehouse", "w_id INT NOT NULL, w_tax DECIMAL(4,4) NOT NULL, w_ytd DECIMAL(12,2) NOT NULL, PRIMARY KEY (w_id)"},
	{"district", "d_w_id INT NOT NULL, d_id INT NOT NULL, d_tax DECIMAL(4,4) NOT NULL, d_ytd DECIMAL(12,2) NOT NULL, d_next_o_id INT NOT NULL, PRIMARY KEY (d_w_id, d_id)"},
	{"customer", "c_w_id INT NOT NULL, c_d_id INT NOT NULL, c_id INT NOT NULL, c_last VARCHAR(16) NOT NULL, c_balance DECIMAL(12,2) NOT NULL, c_ytd_payment DECIMAL(12,2) NOT NULL, " +
		"c_payments INT NOT NULL, c_delivered DECIMAL(12,2) NOT NULL, PRIMARY KEY (c_w_id, c_d_id, c_id), KEY by_name (c_w_id, c_d_id, c_last)"},
	{"item", "i_id INT NOT NULL, i_price DECIMAL(5,2) NOT NULL, i_name VARCHAR(24) NOT NULL, PRIMARY KEY (i_id)"},
	{"stock", "s_w_id INT NOT NULL, s_i_id INT NOT NULL, s_quantity INT NOT NULL, s_ytd INT NOT NULL, s_order_cnt INT NOT NULL, s_remote_cnt INT NOT NULL, PRIMARY KEY (s_w_id, s_i_id)"},
	{"orders", "o_w_id INT NOT NULL, o_d_id INT NOT NULL, o_id INT NOT NULL, o_c_id INT NOT NULL, o_carrier_id INT, o_ol_cnt INT NOT NULL, o_entry_d DATETIME NOT NULL, PRIMARY KEY (o_w_id, o_d_id, o_id)"},
	{"new_orders", "no_w_id INT NOT NULL, no_d_id INT NOT NULL, no_o_id INT NOT NULL, PRIMARY KEY (no_w_id, no_d_id, no_o_id)"},
	{"order_line", "ol_w_id INT NOT NULL, ol_d_id INT NOT NULL, ol_o_id INT NOT NULL, ol_number INT NOT NULL, ol_i_id INT NOT NULL, ol_supply_w_id INT NOT NULL, ol_quantity INT NOT NULL, " +
		"ol_amount DECIMAL(8,2) NOT NULL, ol_delivered INT NOT NULL DEFAULT 0, PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number)"},
	{"history", "h_id BIGINT NOT NULL AUTO_INCREMENT, h_w_id INT NOT NULL, h_c_w_id INT NOT NULL, h_amount DECIMAL(8,2) NOT NULL, h_date DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (h_id)"},
}

func (l *tpcc) populate(ctx context.Context) error {
	exec := func(q string, args ...any) error {
		if _, err := l.db.ExecContext(ctx, q, args...); err != nil {
			return fmt.Errorf("%.60s: %w", q, err)
		}
		return nil
	}
	for _, t := range tpccTables {
		if err := errors.Join(exec("DROP TABLE IF EXISTS "+t.name), exec("CREATE TABLE "+t.name+" ("+t.columns+")")); err != nil {
			return err
		}
	}
	items, stock, customers := "", make([]string, tpccWarehouses), ""
	for i := 1; i <= tpccItems; i++ {
		items += fmt.Sprintf(", (%d, %d.25, 'item %d')", i, 1+i%7, i)
		for w := range stock {
			stock[w] += fmt.Sprintf(", (%d, %d, 50, 0, 0, 0)", w+1, i)
		}
	}
	err := exec("INSERT INTO item VALUES " + items[2:])
	for w := 1; w <= tpccWarehouses; w++ {
		err = errors.Join(err, exec("INSERT INTO warehouse VALUES (?, 0.05, 0)", w), exec("INSERT INTO stock VALUES "+stock[w-1][2:]))
		for d := 1; d <= tpccDistricts; d++ {
			err = errors.Join(err, exec("INSERT INTO district VALUES (?, ?, 0.07, 0, 1)", w, d))
			for c := 1; c <= tpccCustomers; c++ {
				customers += fmt.Sprintf(", (%d, %d, %d, 'name %d', 0, 10, 1, 0)", w, d, c, c%4)
			}
		}
	}
	// One statement for the customers of all warehouses: over all shards.
	return errors.Join(err, exec("INSERT INTO customer VALUES "+customers[2:]))
}

// elsewhere is home, or for one of some another warehouse.
func elsewhere(random *rand.Rand, home, oneOf int) int {
	if random.IntN(oneOf) > 0 {
		return home
	}
	return random.IntN(tpccWarehouses) + 1
}

// steps runs the statements of a transaction until one fails.
type steps struct {
	query func(q string, args ...any) *sql.Row
	run   func(q string, args ...any) (sql.Result, error)
	err   error
}

func begin(ctx context.Context, tx *sql.Tx) *steps {
	return &steps{
		query: func(q string, args ...any) *sql.Row { return tx.QueryRowContext(ctx, q, args...) },
		run:   func(q string, args ...any) (sql.Result, error) { return tx.ExecContext(ctx, q, args...) },
	}
}

// exec runs a statement that must change count rows.
func (s *steps) exec(count int64, q string, args ...any) {
	if s.err != nil {
		return
	}
	res, err := s.run(q, args...)
	if err != nil {
		s.err = fmt.Errorf("%.70s: %w", q, err)
		return
	}
	if n, err := res.RowsAffected(); err != nil || n != count {
		s.err = fmt.Errorf("%.70s %v: %d rows instead of %d, %v", q, args, n, count, err)
	}
}

// row asks for one row.
func (s *steps) row(into []any, q string, args ...any) {
	if s.err != nil {
		return
	}
	if err := s.query(q, args...).Scan(into...); err != nil {
		s.err = fmt.Errorf("%.70s %v: %w", q, args, err)
	}
}

// newOrder takes some lines from the stock of its own and of other warehouses. It locks them in the order of its
// lines, so that transactions meet.
func newOrder(ctx context.Context, tx *sql.Tx, random *rand.Rand, w int) error {
	d, c, count := random.IntN(tpccDistricts)+1, random.IntN(tpccCustomers)+1, random.IntN(5)+2
	s := begin(ctx, tx)
	var tax, price string
	var id, quantity int
	s.row([]any{&tax}, "SELECT w_tax FROM warehouse WHERE w_id = ?", w)
	s.row([]any{&id}, "SELECT d_next_o_id FROM district WHERE d_w_id = ? AND d_id = ? FOR UPDATE", w, d)
	s.exec(1, "UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = ? AND d_id = ?", w, d)
	s.exec(1, "INSERT INTO orders (o_w_id, o_d_id, o_id, o_c_id, o_ol_cnt, o_entry_d) VALUES (?, ?, ?, ?, ?, NOW())", w, d, id, c, count)
	s.exec(1, "INSERT INTO new_orders VALUES (?, ?, ?)", w, d, id)
	for line := 1; line <= count; line++ {
		item, supply, ordered := random.IntN(tpccItems)+1, elsewhere(random, w, 4), random.IntN(9)+1
		if line == count && random.IntN(100) == 0 {
			return errors.Join(s.err, errUnused)
		}
		s.row([]any{&price}, "SELECT i_price FROM item WHERE i_id = ?", item)
		s.row([]any{&quantity}, "SELECT s_quantity FROM stock WHERE s_w_id = ? AND s_i_id = ? FOR UPDATE", supply, item)
		if quantity -= ordered; quantity < 10 {
			quantity += 91
		}
		remote := 0
		if supply != w {
			remote = 1
		}
		s.exec(1, "UPDATE stock SET s_quantity = ?, s_ytd = s_ytd + ?, s_order_cnt = s_order_cnt + 1, s_remote_cnt = s_remote_cnt + ? WHERE s_w_id = ? AND s_i_id = ?",
			quantity, ordered, remote, supply, item)
		s.exec(1, "INSERT INTO order_line (ol_w_id, ol_d_id, ol_o_id, ol_number, ol_i_id, ol_supply_w_id, ol_quantity, ol_amount) VALUES (?, ?, ?, ?, ?, ?, ?, ? * ?)",
			w, d, id, line, item, supply, ordered, ordered, price)
	}
	return s.err
}

// payment is booked in one warehouse for a customer of it or of another.
func payment(ctx context.Context, tx *sql.Tx, random *rand.Rand, w int) error {
	d, c, of, amount := random.IntN(tpccDistricts)+1, random.IntN(tpccCustomers)+1, elsewhere(random, w, 3), fmt.Sprintf("%d.%02d", random.IntN(900)+1, random.IntN(100))
	s := begin(ctx, tx)
	s.exec(1, "UPDATE warehouse SET w_ytd = w_ytd + ? WHERE w_id = ?", amount, w)
	s.exec(1, "UPDATE district SET d_ytd = d_ytd + ? WHERE d_w_id = ? AND d_id = ?", amount, w, d)
	if random.IntN(2) == 0 { // found by name: the one in the middle
		s.row([]any{&c}, "SELECT c_id FROM customer WHERE c_w_id = ? AND c_d_id = ? AND c_last = ? ORDER BY c_id LIMIT 1, 1", of, d, fmt.Sprint("name ", c%4))
	}
	s.exec(1, "UPDATE customer SET c_balance = c_balance - ?, c_ytd_payment = c_ytd_payment + ?, c_payments = c_payments + 1 WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?", amount, amount, of, d, c)
	s.exec(1, "INSERT INTO history (h_w_id, h_c_w_id, h_amount) VALUES (?, ?, ?)", w, of, amount)
	return s.err
}

// delivery hands the oldest order of each district to a carrier and charges its customer. It reads with locks: the
// snapshot of its first read is older than an order that was placed meanwhile.
func delivery(ctx context.Context, tx *sql.Tx, random *rand.Rand, w int) error {
	s := begin(ctx, tx)
	for d := 1; d <= tpccDistricts; d++ {
		var oldest sql.NullInt64
		var customer, lines int
		var amount string
		s.row([]any{&oldest}, "SELECT MIN(no_o_id) FROM new_orders WHERE no_w_id = ? AND no_d_id = ? FOR UPDATE", w, d)
		if s.err != nil || !oldest.Valid {
			continue
		}
		s.exec(1, "DELETE FROM new_orders WHERE no_w_id = ? AND no_d_id = ? AND no_o_id = ?", w, d, oldest.Int64)
		s.row([]any{&customer, &lines}, "SELECT o_c_id, o_ol_cnt FROM orders WHERE o_w_id = ? AND o_d_id = ? AND o_id = ? FOR UPDATE", w, d, oldest.Int64)
		s.exec(1, "UPDATE orders SET o_carrier_id = ? WHERE o_w_id = ? AND o_d_id = ? AND o_id = ?", random.IntN(10)+1, w, d, oldest.Int64)
		s.exec(int64(lines), "UPDATE order_line SET ol_delivered = 1 WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?", w, d, oldest.Int64)
		s.row([]any{&amount}, "SELECT SUM(ol_amount) FROM order_line WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?", w, d, oldest.Int64)
		s.exec(1, "UPDATE customer SET c_balance = c_balance + ?, c_delivered = c_delivered + ? WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?", amount, amount, w, d, customer)
	}
	return s.err
}

// orderStatus reads: a customer's last order with its lines, and the stock of all warehouses.
func orderStatus(ctx context.Context, tx *sql.Tx, random *rand.Rand, w int) error {
	d, c := random.IntN(tpccDistricts)+1, random.IntN(tpccCustomers)+1
	s := begin(ctx, tx)
	var last sql.NullInt64
	var count, lines, low int
	s.row([]any{&last}, "SELECT MAX(o_id) FROM orders WHERE o_w_id = ? AND o_d_id = ? AND o_c_id = ?", w, d, c)
	if s.err == nil && last.Valid {
		s.row([]any{&count, &lines}, "SELECT o_ol_cnt, (SELECT COUNT(*) FROM order_line WHERE ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id) FROM orders WHERE o_w_id = ? AND o_d_id = ? AND o_id = ?", w, d, last.Int64)
		if s.err == nil && count != lines {
			return fmt.Errorf("order %d of district %d/%d has %d lines of %d", last.Int64, w, d, lines, count)
		}
	}
	s.row([]any{&low}, "SELECT COUNT(DISTINCT s_i_id) FROM stock WHERE s_quantity < ?", 20)
	return s.err
}

package merge

import (
	"sync/atomic"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// Budget counts bytes against a limit and, through its parent, against everyone else's. One stands for the process,
// one under it for each query; the same type counts bytes of spill files. Safe for use by several goroutines.
type Budget struct {
	limit   atomic.Int64
	setting string
	parent  *Budget
	used    atomic.Int64 // bytes reserved and not yet released; above limit only after the limit was lowered
}

// NewBudget returns a budget of limit bytes; limit <= 0 means that only the parent limits. setting is the name of the
// configuration key that raises the limit: errors name it. parent may be nil.
func NewBudget(limit int64, setting string, parent *Budget) *Budget {
	b := &Budget{setting: setting, parent: parent}
	b.limit.Store(limit)
	return b
}

// SetLimit changes the limit. What is reserved beyond it stays until it is released.
func (b *Budget) SetLimit(limit int64) { b.limit.Store(limit) }

// Reserve takes n bytes, or returns sqlerr.MemoryExceeded naming operator and the setting of the budget, this one's
// or a parent's, that does not have them; then nothing is taken.
func (b *Budget) Reserve(operator string, n int64) error {
	if b == nil || n <= 0 {
		return nil
	}
	if used, limit := b.used.Add(n), b.limit.Load(); limit > 0 && used > limit {
		b.used.Add(-n)
		return sqlerr.MemoryExceeded(operator, b.setting)
	}
	if err := b.parent.Reserve(operator, n); err != nil {
		b.used.Add(-n)
		return err
	}
	return nil
}

// Release gives n bytes back.
func (b *Budget) Release(n int64) {
	if n <= 0 {
		return
	}
	for ; b != nil; b = b.parent {
		b.used.Add(-n)
	}
}

// Close gives back all that is still reserved; what is released later has been given back then.
func (b *Budget) Close() {
	if n := b.used.Swap(0); n > 0 {
		b.parent.Release(n)
	}
	b.parent = nil
}

// Used returns the bytes that are reserved now.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// account is what one operator holds of a budget, so that it can give all of it back. It reserves in steps, so that
// an operator which grows by a few bytes a row does not touch a shared counter for each. Not safe for several
// goroutines.
type account struct {
	budget   *Budget
	operator string
	reserved int64
	used     int64
}

// accountStep is the least that an account takes from its budget at once, unless the budget has no more to give.
const accountStep = 16 << 10

// grow accounts n more bytes.
func (a *account) grow(n int64) error {
	if need := a.used + n - a.reserved; need > 0 {
		step := max(need, accountStep)
		if err := a.budget.Reserve(a.operator, step); err != nil {
			step = need
			if err := a.budget.Reserve(a.operator, step); err != nil {
				return err
			}
		}
		a.reserved += step
	}
	a.used += n
	return nil
}

// shrink accounts n bytes less; they stay reserved for the operator's next growth.
func (a *account) shrink(n int64) { a.used -= n }

// release gives everything back to the budget.
func (a *account) release() {
	a.budget.Release(a.reserved)
	a.reserved, a.used = 0, 0
}

// cellBuffer is an accounted byte slice that an operator copies cells into. Its memory stays accounted by capacity
// until the operator's account is released.
type cellBuffer struct {
	bytes   []byte
	account *account
}

// room makes place for n more bytes.
func (c *cellBuffer) room(n int) error {
	if len(c.bytes)+n <= cap(c.bytes) {
		return nil
	}
	size := max(2*cap(c.bytes), len(c.bytes)+n, 16)
	if err := c.account.grow(int64(size - cap(c.bytes))); err != nil {
		return err
	}
	grown := make([]byte, len(c.bytes), size)
	copy(grown, c.bytes)
	c.bytes = grown
	return nil
}

// add appends p.
func (c *cellBuffer) add(p []byte) error {
	if err := c.room(len(p)); err != nil {
		return err
	}
	c.bytes = append(c.bytes, p...)
	return nil
}

// set replaces the contents with p.
func (c *cellBuffer) set(p []byte) error {
	c.bytes = c.bytes[:0]
	return c.add(p)
}

package merge

import (
	"bytes"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// distinctValues lets each value of a group through once, to an accumulator of single values. In sorted input it
// compares neighbours, otherwise it remembers.
type distinctValues struct {
	inner    accumulator
	keys     keySet
	skipNull bool // COUNT: a row with a NULL among the keys does not count
	unsorted bool
	next     []byte
	last     cellBuffer
	some     bool
	seen     seen
}

func newDistinctValues(inner accumulator, keys keySet, a *Agg, acct *account) *distinctValues {
	return &distinctValues{
		inner: inner, keys: keys, skipNull: a.Func == Count, unsorted: a.Unsorted,
		last: cellBuffer{account: acct}, seen: seen{account: acct},
	}
}

func (d *distinctValues) reset() {
	d.inner.reset()
	d.some = false
	d.seen.forget()
}

func (d *distinctValues) add(row sqltypes.Row) error {
	if d.skipNull {
		for i := range d.keys {
			if row[d.keys[i].column] == nil {
				return nil
			}
		}
	}
	var err error
	if d.next, err = d.keys.append(d.next[:0], row); err != nil {
		return err
	}
	fresh := true
	if d.unsorted {
		fresh, err = d.seen.add(d.next)
	} else if fresh = !d.some || !bytes.Equal(d.next, d.last.bytes); fresh {
		d.some = true
		err = d.last.set(d.next)
	}
	if err != nil || !fresh {
		return err
	}
	return d.inner.add(row)
}

func (d *distinctValues) result(dst []byte) ([]byte, bool, error) { return d.inner.result(dst) }

package merge

import "github.com/heddle-mesh/heddle/internal/sqltypes"

// avg is AVG from SUM and COUNT, or of single values.
type avg struct {
	total
	count    count
	division division
	decimals byte
}

func (a *avg) reset() {
	a.total.reset()
	a.count.reset()
}

func (a *avg) add(row sqltypes.Row) error {
	if row[a.column] == nil {
		return nil
	}
	if err := a.count.add(row); err != nil {
		return err
	}
	return a.total.add(row)
}

func (a *avg) result(dst []byte) ([]byte, bool, error) {
	switch {
	case !a.some || a.count.n == 0:
		return dst, true, nil
	case a.kind == kindDouble:
		return appendDouble(dst, a.double/float64(a.count.n), a.decimals), false, nil
	}
	if a.beside < 0 && !a.exact.fits(a.grouped) {
		return dst, false, TooLong()
	}
	shown := a.exact.scale
	if a.beside >= 0 {
		shown = a.scale
		a.exact.words(shown)
	}
	return a.division.appendQuotient(dst, &a.exact, a.count.n, shown), false, nil
}

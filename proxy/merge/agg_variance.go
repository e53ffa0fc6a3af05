package merge

import (
	"fmt"
	"math"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// variance joins (count, mean, variance) of disjoint sets without adding squares, which would cancel: the sum of
// squared distances from the joint mean is the sum of the parts' plus what their means lie apart. Source: Chan, Golub,
// LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
type variance struct {
	agg      *Agg
	decimals byte
	n        uint64
	mean     float64
	squares  float64 // sum of squared distances from mean
}

func (v *variance) reset() { v.n, v.mean, v.squares = 0, 0, 0 }

func (v *variance) add(row sqltypes.Row) error {
	n, err := counter(row[v.agg.Count])
	if err != nil || n == 0 {
		return err
	}
	if row[v.agg.Column] == nil || row[v.agg.Spread] == nil {
		return Overflow()
	}
	mean, err1 := strconv.ParseFloat(string(row[v.agg.Column]), 64)
	spread, err2 := strconv.ParseFloat(string(row[v.agg.Spread]), 64)
	if err1 != nil || err2 != nil {
		return sqlerr.Internal(fmt.Sprintf("a variance of %d values reads %.40q, %.40q", n, row[v.agg.Column], row[v.agg.Spread]))
	}
	if v.n == 0 {
		v.n, v.mean, v.squares = n, mean, spread*float64(n)
		return nil
	}
	apart := mean - v.mean
	all := float64(v.n) + float64(n)
	v.squares += spread*float64(n) + apart*apart*float64(v.n)*float64(n)/all
	v.mean += apart * float64(n) / all
	v.n += n
	if math.IsInf(v.squares, 0) || math.IsNaN(v.squares) {
		return Overflow()
	}
	return nil
}

func (v *variance) result(dst []byte) ([]byte, bool, error) {
	by := float64(v.n)
	if v.agg.Func == VarSamp || v.agg.Func == StdSamp {
		by--
	}
	if v.n == 0 || by == 0 {
		return dst, true, nil
	}
	f := v.squares / by
	if v.agg.Func == StdPop || v.agg.Func == StdSamp {
		f = math.Sqrt(f)
	}
	return appendDouble(dst, f, v.decimals), false, nil
}

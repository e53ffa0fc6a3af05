package merge

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// null stands for NULL in test tables.
const null = "\x00NULL"

// Column definitions as the server sends them.
func intCol(name string) sqltypes.Column {
	return sqltypes.Column{Name: name, Type: sqltypes.LongLong, Collation: 63, Length: 20}
}

func typed(t sqltypes.Type) sqltypes.Column {
	return sqltypes.Column{Name: "c", Type: t, Collation: 63}
}

func decimalCol(scale byte) sqltypes.Column {
	return sqltypes.Column{Name: "d", Type: sqltypes.NewDecimal, Collation: 63, Length: 40, Decimals: scale}
}

func doubleCol(decimals byte) sqltypes.Column {
	return sqltypes.Column{Name: "f", Type: sqltypes.Double, Collation: 63, Length: 23, Decimals: decimals}
}

func textCol(name string) sqltypes.Column {
	return sqltypes.Column{Name: name, Type: sqltypes.VarString, Collation: 45, Length: 80}
}

func binaryCol(name string) sqltypes.Column {
	return sqltypes.Column{Name: name, Type: sqltypes.VarString, Collation: 63, Length: 80, Flags: sqltypes.FlagBinary}
}

func row(cells ...string) sqltypes.Row {
	r := make(sqltypes.Row, len(cells))
	for i, c := range cells {
		if c != null {
			r[i] = []byte(c)
		}
	}
	return r
}

// rows reads lines of cells separated by '|'.
func rows(lines ...string) []sqltypes.Row {
	out := make([]sqltypes.Row, 0, len(lines))
	for _, l := range lines {
		cells := strings.Split(l, "|")
		for i, c := range cells {
			if c == "NULL" {
				cells[i] = null
			}
		}
		out = append(out, row(cells...))
	}
	return out
}

func show(r sqltypes.Row) string {
	cells := make([]string, len(r))
	for i, c := range r {
		cells[i] = string(c)
		if c == nil {
			cells[i] = "NULL"
		}
	}
	return strings.Join(cells, "|")
}

// drain reads a stream to its end, closes it twice and returns its rows as text.
func drain(t interface {
	Helper()
	Fatalf(string, ...any)
}, s RowStream) []string {
	t.Helper()
	out, err := collect(s)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	if _, err := s.Next(context.Background()); err != io.EOF {
		t.Fatalf("after the end: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("closing: %v", err)
		}
	}
	return out
}

func collect(s RowStream) ([]string, error) {
	out := []string{}
	for {
		r, err := s.Next(context.Background())
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, show(r))
	}
}

// probe is a stream that counts what is done to it, poisons each row when the next is read, and may fail.
type probe struct {
	*Rows
	reads, closes int
	failAt        int // the read that fails; 0: none
	poisoned      bool
	buffer        sqltypes.Row
}

var errProbe = errors.New("the shard is gone")

func newProbe(cols []sqltypes.Column, rs []sqltypes.Row) *probe {
	return &probe{Rows: NewRows(cols, rs)}
}

func (p *probe) Next(ctx context.Context) (sqltypes.Row, error) {
	p.reads++
	if p.reads == p.failAt {
		return nil, errProbe
	}
	for _, c := range p.buffer {
		for i := range c {
			c[i] = 0xEE // a row is valid until the next Next only
		}
	}
	r, err := p.Rows.Next(ctx)
	if err != nil {
		return nil, err
	}
	p.buffer = p.buffer[:0]
	for _, c := range r {
		if c == nil {
			p.buffer = append(p.buffer, nil)
			continue
		}
		p.buffer = append(p.buffer, append([]byte{}, c...))
	}
	return p.buffer, nil
}

func (p *probe) Close() error {
	p.closes++
	return p.Rows.Close()
}

func streams[S RowStream](in []S) []RowStream {
	out := make([]RowStream, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

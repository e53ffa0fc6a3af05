package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// The first byte or two of each input choose capabilities, types and the like; the seeds are in testdata/fuzz.

func FuzzGreeting(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		g, err := ParseGreeting(p)
		if err != nil || len(g.Salt) != SaltSize {
			return
		}
		back, err := ParseGreeting(g.AppendPayload(nil, 0))
		if err != nil {
			t.Fatal(err)
		}
		if g.Capabilities.Has(CapPluginAuth|CapSecureConnection) && !cmp.Equal(g, back) {
			t.Fatal(cmp.Diff(g, back))
		}
	})
}

func FuzzLogin(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		ParseSSLRequest(p)
		l, err := ParseLogin(p)
		if err != nil {
			return
		}
		back, err := ParseLogin(l.AppendPayload(nil, 0))
		if err != nil || !cmp.Equal(l, back, cmpopts.EquateEmpty()) {
			t.Fatalf("%v\n%s", err, cmp.Diff(l, back))
		}
	})
}

func FuzzChangeUser(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, caps := range []Capability{golden41, golden41 | CapPluginAuth | CapConnectAttrs} {
			u, err := ParseChangeUser(p, caps)
			if err != nil {
				continue
			}
			back, err := ParseChangeUser(u.AppendPayload(nil, caps)[1:], caps)
			if err != nil || !cmp.Equal(u, back, cmpopts.EquateEmpty()) {
				t.Fatalf("%v\n%s", err, cmp.Diff(u, back))
			}
		}
	})
}

func FuzzExecute(f *testing.F) {
	f.Fuzz(func(t *testing.T, params byte, attributes bool, p []byte) {
		caps := golden41
		if attributes {
			caps |= CapQueryAttributes
		}
		e, err := ParseStmtExecute(p, caps, int(params), nil, nil)
		if err != nil {
			return
		}
		if len(e.Params) != int(params) && !(attributes && len(e.Attrs) == 0) {
			t.Fatalf("%d parameters of %d", len(e.Params), params)
		}
		back, err := ParseStmtExecute(e.AppendPayload(nil, caps)[1:], caps, len(e.Params), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range e.Params {
			if !cmp.Equal(e.Params[i].Value, back.Params[i].Value, cmpopts.EquateEmpty()) {
				t.Fatal(cmp.Diff(e.Params[i], back.Params[i]))
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		q, err := ParseQuery(p, golden41|CapQueryAttributes)
		if err != nil {
			return
		}
		back, err := ParseQuery(q.AppendPayload(nil, golden41|CapQueryAttributes)[1:], golden41|CapQueryAttributes)
		if err != nil || string(back.SQL) != string(q.SQL) || len(back.Attrs) != len(q.Attrs) {
			t.Fatalf("%+v → %+v, %v", q, back, err)
		}
	})
}

func FuzzColumn(f *testing.F) {
	f.Fuzz(func(t *testing.T, extended bool, p []byte) {
		caps := golden41
		if extended {
			caps |= CapMariaDBExtendedMetadata
		}
		var col, back sqltypes.Column
		if err := ParseColumn(p, caps, &col); err == nil {
			if err := ParseColumn(AppendColumn(nil, &col, caps), caps, &back); err != nil || !cmp.Equal(col, back) {
				t.Fatalf("%v\n%s", err, cmp.Diff(col, back))
			}
		}
		if v, err := ViewColumn(p); err == nil {
			if again, err := ViewColumn(v.Append(nil)); err != nil || !cmp.Equal(v, again, cmpopts.EquateEmpty()) {
				t.Fatalf("%v\n%s", err, cmp.Diff(v, again))
			}
		}
		_, _ = ParseColumnCount(p, caps)
	})
}

func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, flags byte, p []byte) {
		caps := golden41
		for i, c := range []Capability{CapSessionTrack, CapDeprecateEOF, CapOptionalMetadata} {
			if flags&(1<<i) != 0 {
				caps |= c
			}
		}
		if e := ParseErr(p); e == nil {
			t.Fatal("no error")
		}
		_, _ = ParsePrepareOK(p, caps)
		_, _ = ParseAuthSwitch(p)
		var ok, back OK
		if err := ParseResultEnd(p, caps, &ok); err == nil {
			_ = SessionChanges(ok.Track, func(SessionChange) bool { return true })
		}
		if err := ParseOK(p, caps, &ok); err != nil {
			return
		}
		_ = SessionChanges(ok.Track, func(SessionChange) bool { return true })
		if err := ParseOK(ok.AppendPayload(nil, caps), caps, &back); err != nil {
			t.Fatal(err)
		}
		ok.Status, back.Status = ok.Status&^StatusSessionStateChanged, back.Status&^StatusSessionStateChanged
		if !cmp.Equal(ok, back, cmpopts.EquateEmpty()) {
			t.Fatal(cmp.Diff(ok, back))
		}
	})
}

func FuzzTextRow(f *testing.F) {
	f.Fuzz(func(t *testing.T, columns byte, p []byte) {
		row, back := make(sqltypes.Row, columns), make(sqltypes.Row, columns)
		if ParseTextRow(p, row) != nil {
			return
		}
		if err := ParseTextRow(AppendTextRow(nil, row), back); err != nil || !cmp.Equal(row, back) {
			t.Fatalf("%v\n%s", err, cmp.Diff(row, back))
		}
	})
}

func FuzzBinaryRow(f *testing.F) {
	f.Fuzz(func(t *testing.T, types []byte, flags uint16, decimals byte, p []byte) {
		if len(types) > 300 {
			return
		}
		cols := make([]sqltypes.Column, len(types))
		for i, typ := range types {
			cols[i] = column(sqltypes.Type(typ), flags, 20, decimals)
		}
		row, back := make(sqltypes.Row, len(cols)), make(sqltypes.Row, len(cols))
		if _, err := ParseBinaryRow(p, cols, row, nil); err != nil {
			return
		}
		again, err := AppendBinaryRow(nil, cols, row)
		if err != nil {
			if nan(row) {
				return
			}
			t.Fatal(err)
		}
		if _, err := ParseBinaryRow(again, cols, back, nil); err != nil || !cmp.Equal(row, back) {
			t.Fatalf("%v\n%s", err, cmp.Diff(row, back))
		}
	})
}

// nan reports whether a cell is a number that SQL does not have, padded by ZEROFILL.
func nan(row sqltypes.Row) bool {
	for _, cell := range row {
		if bytes.Contains(cell, []byte("NaN")) || bytes.Contains(cell, []byte("Inf")) {
			return true
		}
	}
	return false
}

func FuzzPackets(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 1 << 16
		r := newTestReader(bytes.NewReader(in), limit, false)
		var total int
		for {
			p, err := r.ReadPacket()
			if err != nil {
				break
			}
			if total += len(p) + headerSize; len(p) > limit || total > len(in) {
				t.Fatalf("%d bytes out of %d", total, len(in))
			}
		}
		x := Relay{}
		var side *RelayError
		if err := x.Run(NewWriter(io.Discard, NewPool(0)), newTestReader(bytes.NewReader(in), limit, false)); err != nil && !errors.As(err, &side) {
			t.Fatal(err)
		}
	})
}

func FuzzCompressed(f *testing.F) {
	f.Fuzz(func(t *testing.T, zstd bool, in []byte) {
		algo := Zlib
		if zstd {
			algo = Zstd
		}
		pool := NewPool(0)
		c := newCompression(bytes.NewReader(in), io.Discard, pool, algo, 0, false)
		n, err := io.Copy(io.Discard, io.LimitReader(c, 1<<20))
		if err == nil && n > int64(MaxFrame)*int64(len(in)/compressedHeader+1) {
			t.Fatalf("%d bytes out of %d", n, len(in))
		}
	})
}

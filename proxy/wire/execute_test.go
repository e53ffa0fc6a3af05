package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func TestParseExecuteGolden(t *testing.T) {
	p := unhex("01000000 00 01000000 02 00 01 0f00 0c00 0b00 03666f6f 0b 00 0000 0000")
	_, err := ParseStmtExecute(p, golden41, 3, nil, nil)
	if err == nil {
		t.Error("a packet that is cut is accepted")
	}
	p = unhex("01000000 01 01000000 02 01 0f00 0c00 0b00 03666f6f 08 01 01000000 020304")
	e, err := ParseStmtExecute(p, golden41, 3, nil, nil)
	want := &StmtExecute{
		StatementID: 1, Flags: CursorReadOnly, TypesSent: true,
		Types: []ParamType{{Type: sqltypes.Varchar}, {Type: sqltypes.Datetime}, {Type: sqltypes.Time}},
		Params: []Param{
			{ParamType{Type: sqltypes.Varchar}, sqltypes.StringValue("foo")},
			{ParamType{Type: sqltypes.Datetime}, sqltypes.NullValue},
			{ParamType{Type: sqltypes.Time}, sqltypes.Value{Kind: sqltypes.KindTime, Bytes: []byte("-26:03:04")}},
		},
	}
	if diff := cmp.Diff(want, e, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if id, err := ExecuteTarget(p); id != 1 || err != nil {
		t.Errorf("target %d, %v", id, err)
	}
	// Later executions leave the types off.
	p = unhex("01000000 00 01000000 06 00 03626172")
	again, err := ParseStmtExecute(p, golden41, 3, e.Types, nil)
	if err != nil || again.TypesSent || string(again.Params[0].Value.Bytes) != "bar" || !again.Params[2].Value.IsNull() {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := ParseStmtExecute(p, golden41, 3, nil, nil); errCode(err) != sqlerr.CodeWrongArguments {
		t.Errorf("types never sent: %v", err)
	}
}

func TestParseExecuteLongData(t *testing.T) {
	long := func(i int) ([]byte, bool) { return []byte("sent before"), i == 1 }
	p := unhex("01000000 00 01000000 02 01 fc00 fc00 fe00 0161 0162")
	e, err := ParseStmtExecute(p, golden41, 3, nil, long)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []sqltypes.Value{sqltypes.BinaryValue([]byte("a")), sqltypes.BinaryValue([]byte("sent before")), sqltypes.StringValue("b")} {
		if diff := cmp.Diff(want, e.Params[i].Value); diff != "" {
			t.Errorf("parameter %d (-want +got):\n%s", i, diff)
		}
	}
	e.LongData = func(i int) bool { return i == 1 }
	if got := e.AppendPayload(nil, golden41)[1:]; !bytes.Equal(got, unhex("01000000 00 01000000 00 01 fc00 fc00 fe00 0161 0162")) {
		t.Errorf("built % x", got)
	}
}

func TestParseExecuteAttributes(t *testing.T) {
	caps := golden41 | CapQueryAttributes
	in := &StmtExecute{
		StatementID: 9, Params: []Param{{ParamType{Type: sqltypes.LongLong}, sqltypes.IntValue(-1)}},
		Attrs: []Param{{ParamType{sqltypes.VarString, false, "trace"}, sqltypes.StringValue("abc")}},
	}
	e, err := ParseStmtExecute(in.AppendPayload(nil, caps)[1:], caps, 1, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in.Params, e.Params); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(in.Attrs, e.Attrs); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	in.Params = nil
	if e, err = ParseStmtExecute(in.AppendPayload(nil, caps)[1:], caps, 0, nil, nil); err != nil || len(e.Attrs) != 1 {
		t.Errorf("attributes alone: %+v, %v", e, err)
	}
	if _, err := ParseStmtExecute(unhex("01000000 08 01000000 00"), caps, 1, nil, nil); errCode(err) != sqlerr.CodeWrongArguments {
		t.Errorf("fewer than there are: %v", err)
	}
}

// The number of parameters is the sender's word: it allocates nothing by itself.
func TestParameterCountIsNotAllocated(t *testing.T) {
	caps := golden41 | CapQueryAttributes
	head := "01000000 08 01000000"
	for _, in := range []string{head + "fcffff 00", head + "fe ffffffffffffffff", head + "fdffffff", "00"} {
		if _, err := ParseStmtExecute(unhex(in), caps, 0, nil, nil); err == nil {
			t.Errorf("%s is accepted", in)
		}
	}
	p := append(unhex(head+"fcffff"), make([]byte, 8192)...)
	p = append(p, 1) // types follow, but do not
	if n := testing.AllocsPerRun(10, func() { _, _ = ParseStmtExecute(p, caps, 0, nil, nil) }); n > 10 {
		t.Errorf("%v allocations", n)
	}
	for _, in := range []string{"", "01", "fcffff 01 00", "01 02 00", "01 01 00 02", "01 01 00 01 fd"} {
		if q, err := ParseQuery(unhex(in), caps); errCode(err) != sqlerr.CodeMalformedPacket && errCode(err) != sqlerr.CodeWrongArguments {
			t.Errorf("query %s: %+v, %v", in, q, err)
		}
	}
}

func TestParamValues(t *testing.T) {
	for _, c := range []struct {
		t    ParamType
		wire string
		want sqltypes.Value
	}{
		{ParamType{Type: sqltypes.Tiny}, "ff", sqltypes.IntValue(-1)},
		{ParamType{Type: sqltypes.Tiny, Unsigned: true}, "ff", sqltypes.UintValue(255)},
		{ParamType{Type: sqltypes.Float}, "cdcccc3d", sqltypes.Value{Kind: sqltypes.KindDouble, Bytes: []byte("0.10000000149011612")}},
		{ParamType{Type: sqltypes.Double}, "9a9999999999b93f", sqltypes.Value{Kind: sqltypes.KindDouble, Bytes: []byte("0.1")}},
		{ParamType{Type: sqltypes.NewDecimal}, "03 312e30", sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: []byte("1.0")}},
		{ParamType{Type: sqltypes.Date}, "07 e4070101 010203", sqltypes.Value{Kind: sqltypes.KindDate, Bytes: []byte("2020-01-01")}},
		{ParamType{Type: sqltypes.Timestamp}, "0b e4070101 010203 a0860100", sqltypes.Value{Kind: sqltypes.KindDatetime, Bytes: []byte("2020-01-01 01:02:03.100000")}},
		{ParamType{Type: sqltypes.Datetime}, "04 e4070d01", sqltypes.Value{Kind: sqltypes.KindDatetime, Bytes: []byte("0000-00-00 00:00:00")}},
		{ParamType{Type: sqltypes.Time}, "08 00 00000000 013c00", sqltypes.Value{Kind: sqltypes.KindTime, Bytes: []byte("00:00:00")}},
		{ParamType{Type: sqltypes.Bit}, "01 05", sqltypes.BinaryValue([]byte{5})},
		{ParamType{Type: sqltypes.Null}, "", sqltypes.NullValue},
	} {
		in := cursor{p: unhex(c.wire)}
		got := paramValue(&in, c.t)
		if diff := cmp.Diff(c.want, got); diff != "" || in.bad || !in.empty() {
			t.Errorf("%+v %s (-want +got):\n%s", c.t, c.wire, diff)
		}
	}
}

// A value whose declared type cannot carry it goes under one that can.
func TestExecuteChoosesType(t *testing.T) {
	for _, c := range []struct {
		in   Param
		want ParamType
	}{
		{Param{ParamType{Type: sqltypes.Tiny}, sqltypes.IntValue(300)}, ParamType{Type: sqltypes.LongLong}},
		{Param{ParamType{Type: sqltypes.Tiny}, sqltypes.IntValue(100)}, ParamType{Type: sqltypes.Tiny}},
		{Param{ParamType{Type: sqltypes.Long, Unsigned: true}, sqltypes.IntValue(-1)}, ParamType{Type: sqltypes.LongLong}},
		{Param{ParamType{}, sqltypes.StringValue("x")}, ParamType{Type: sqltypes.VarString}},
		{Param{ParamType{Type: sqltypes.Date}, sqltypes.StringValue("x")}, ParamType{Type: sqltypes.VarString}},
		{Param{ParamType{Type: sqltypes.Date}, sqltypes.Value{Kind: sqltypes.KindDate, Bytes: []byte("bad")}}, ParamType{Type: sqltypes.VarString}},
	} {
		p := (&StmtExecute{StatementID: 1, Params: []Param{c.in}}).AppendPayload(nil, golden41)
		e, err := ParseStmtExecute(p[1:], golden41, 1, nil, nil)
		if err != nil || e.Types[0] != c.want {
			t.Errorf("%+v: %+v, %v", c.in, e, err)
		}
	}
}

func drawParam(t *rapid.T, named bool) Param {
	var p Param
	if named {
		p.Name = rapid.StringN(0, 10, 300).Draw(t, "name")
	}
	text := func(re string) []byte { return []byte(rapid.StringMatching(re).Draw(t, "text")) }
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		p.Type = sqltypes.LongLong
	case 1:
		p.Type, p.Value = sqltypes.LongLong, sqltypes.IntValue(rapid.Int64().Draw(t, "int"))
	case 2:
		p.Type, p.Unsigned, p.Value = sqltypes.LongLong, true, sqltypes.UintValue(rapid.Uint64().Draw(t, "uint"))
	case 3:
		p.Type, p.Value = sqltypes.Short, sqltypes.IntValue(int64(rapid.Int16().Draw(t, "int")))
	case 4:
		p.Type, p.Value = sqltypes.NewDecimal, sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: text(`[0-9]{1,30}\.[0-9]{1,9}`)}
	case 5:
		p.Type, p.Value = sqltypes.Double, doubleValue(rapid.Float64().Draw(t, "double"))
	case 6:
		p.Type, p.Value = sqltypes.Blob, sqltypes.BinaryValue(rapid.SliceOf(rapid.Byte()).Draw(t, "blob"))
	case 7:
		p.Type, p.Value = sqltypes.Datetime, sqltypes.Value{Kind: sqltypes.KindDatetime, Bytes: text(`20[0-9]{2}-0[1-9]-[12][0-9] 1[0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{5}[1-9])?`)}
	case 8:
		p.Type, p.Value = sqltypes.VarString, sqltypes.Value{Kind: sqltypes.KindString, Bytes: rapid.SliceOf(rapid.Byte()).Draw(t, "string")}
	}
	return p
}

func TestExecuteRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		caps := golden41
		attrs := rapid.Bool().Draw(t, "attributes")
		if attrs {
			caps |= CapQueryAttributes
		}
		in := &StmtExecute{StatementID: rapid.Uint32().Draw(t, "id")}
		for range rapid.IntRange(0, 12).Draw(t, "params") {
			in.Params = append(in.Params, drawParam(t, attrs))
		}
		if attrs {
			for range rapid.IntRange(0, 3).Draw(t, "attrs") {
				in.Attrs = append(in.Attrs, drawParam(t, true))
			}
		}
		out, err := ParseStmtExecute(in.AppendPayload(nil, caps)[1:], caps, len(in.Params), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]Param{in.Params, in.Attrs}, [][]Param{out.Params, out.Attrs}, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		q := &Query{SQL: []byte("select 1"), Attrs: in.Attrs}
		back, err := ParseQuery(q.AppendPayload(nil, caps)[1:], caps)
		if diff := cmp.Diff(*q, back, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func drawCaps(t *rapid.T, of ...Capability) Capability {
	caps := CapProtocol41 | CapTransactions | CapSecureConnection
	for _, c := range of {
		if rapid.Bool().Draw(t, "capability") {
			caps |= c
		}
	}
	return caps
}

func TestOKRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		caps := drawCaps(t, CapSessionTrack, CapDeprecateEOF)
		in := OK{
			AffectedRows: rapid.Uint64().Draw(t, "rows"), LastInsertID: rapid.Uint64().Draw(t, "id"),
			Status: Status(rapid.Uint16().Draw(t, "status")) &^ StatusSessionStateChanged, Warnings: rapid.Uint16().Draw(t, "warnings"),
			Info: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "info"),
		}
		if caps.Has(CapSessionTrack) && rapid.Bool().Draw(t, "tracked") {
			in.Track = AppendSessionChange(nil, SessionChange{Kind: ChangeSchema, Value: []byte("db")})
			in.Status |= StatusSessionStateChanged
		}
		var out OK
		if err := ParseOK(in.AppendPayload(nil, caps), caps, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		end := (&ResultEnd{in}).AppendPayload(nil, caps)
		if !IsResultEnd(end) || IsOK(end) || IsErr(end) {
			t.Fatalf("% x is not taken for the end", end)
		}
		if err := ParseResultEnd(end, caps, &out); err != nil {
			t.Fatal(err)
		}
		want := in
		if !caps.Has(CapDeprecateEOF) {
			want = OK{Status: in.Status &^ StatusSessionStateChanged, Warnings: in.Warnings}
		}
		if diff := cmp.Diff(want, out, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("end (-want +got):\n%s", diff)
		}
	})
}

// Servers put the length of an OK's text in front of it, the manual does not.
func TestOKTextWithoutLength(t *testing.T) {
	for in, want := range map[string]string{
		"00 00 00 0200 0000":            "",
		"00 00 00 0200 0000 02 6869":    "hi",
		"00 00 00 0200 0000 6869":       "hi",
		"00 00 00 0200 0000 28526f7773": "(Rows",
	} {
		var ok OK
		if err := ParseOK(unhex(in), golden41, &ok); err != nil || string(ok.Info) != want {
			t.Errorf("%s: %q, %v", in, ok.Info, err)
		}
	}
}

func TestColumnRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		caps := drawCaps(t, CapMariaDBExtendedMetadata)
		name := func(s string) string { return rapid.StringN(0, 70, 300).Draw(t, s) }
		in := sqltypes.Column{
			Schema: name("schema"), Table: name("table"), OrgTable: name("org table"), Name: name("name"), OrgName: name("org name"),
			Collation: rapid.Uint16().Draw(t, "collation"), Length: rapid.Uint32().Draw(t, "length"),
			Type: sqltypes.Type(rapid.Byte().Draw(t, "type")), Flags: rapid.Uint16().Draw(t, "flags"), Decimals: rapid.Byte().Draw(t, "decimals"),
		}
		if caps.Has(CapMariaDBExtendedMetadata) {
			in.Extended = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "extended")
		}
		var out sqltypes.Column
		if err := ParseColumn(AppendColumn(nil, &in, caps), caps, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		for _, n := range []ColumnCount{{Columns: int(in.Length%1000) + 1}, {Columns: 1, SkipMetadata: true}} {
			caps := drawCaps(t, CapOptionalMetadata, CapMariaDBCacheMetadata)
			if !caps.Any(CapOptionalMetadata | CapMariaDBCacheMetadata) {
				n.SkipMetadata = false
			}
			if got, err := ParseColumnCount(n.AppendPayload(nil, caps), caps); err != nil || got != n {
				t.Fatalf("%+v: %+v, %v", n, got, err)
			}
		}
	})
}

func TestChangeUserRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		caps := drawCaps(t, CapPluginAuth, CapConnectAttrs)
		word := rapid.StringMatching(`[a-z]{0,9}`)
		in := &ChangeUser{User: word.Draw(t, "user"), Auth: rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "auth"), Database: word.Draw(t, "db"), Collation: rapid.Uint16().Draw(t, "collation")}
		if caps.Has(CapPluginAuth) {
			in.AuthPlugin = word.Draw(t, "plugin")
		}
		if caps.Has(CapConnectAttrs) {
			for range rapid.IntRange(0, 5).Draw(t, "attrs") {
				in.Attrs = append(in.Attrs, Attr{word.Draw(t, "key"), word.Draw(t, "value")})
			}
		}
		out, err := ParseChangeUser(in.AppendPayload(nil, caps)[1:], caps)
		if diff := cmp.Diff(in, out, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
	// Old clients end after the database.
	if u, err := ParseChangeUser([]byte("u\x00\x00d\x00"), CapSecureConnection|CapPluginAuth|CapConnectAttrs); err != nil || u.Database != "d" {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestStatementCommandsParse(t *testing.T) {
	if s, err := ParseStmtSendLongData(unhex("01000000 0200 616263")); err != nil || s.StatementID != 1 || s.Param != 2 || string(s.Data) != "abc" {
		t.Errorf("long data: %+v, %v", s, err)
	}
	if s, err := ParseStmtFetch(unhex("01000000 64000000")); err != nil || s != (StmtFetch{1, 100}) {
		t.Errorf("fetch: %+v, %v", s, err)
	}
	if id, err := ParseStmtID(unhex("01000000")); err != nil || id != 1 {
		t.Errorf("id: %d, %v", id, err)
	}
	if f, err := ParseFieldList([]byte("t\x00%")); err != nil || f != (FieldList{"t", "%"}) {
		t.Errorf("field list: %+v, %v", f, err)
	}
	if k, err := ParseProcessKill(unhex("02010000")); err != nil || k != 258 {
		t.Errorf("kill: %d, %v", k, err)
	}
	if o, err := ParseSetOption(unhex("0100")); err != nil || o != MultiStatementsOff {
		t.Errorf("option: %d, %v", o, err)
	}
	if l, err := ParseLocalInfile(unhex("fb2f61")); err != nil || l.Name != "/a" {
		t.Errorf("infile: %+v, %v", l, err)
	}
	if o, err := ParsePrepareOK(unhex("00 01000000 0100 0200 00 0300"), golden41); err != nil || o != (PrepareOK{1, 1, 2, 3, false}) {
		t.Errorf("prepare: %+v, %v", o, err)
	}
	for name, err := range map[string]error{
		"long data": second(ParseStmtSendLongData([]byte("abc"))), "fetch": second(ParseStmtFetch([]byte("abc"))),
		"id": second(ParseStmtID([]byte("abc"))), "field list": second(ParseFieldList([]byte("abc"))),
		"kill": second(ParseProcessKill([]byte("abc"))), "option": second(ParseSetOption([]byte("a"))),
		"infile": second(ParseLocalInfile(nil)), "prepare": second(ParsePrepareOK([]byte{0}, 0)), "column": ParseColumn([]byte{3}, 0, &sqltypes.Column{}),
		"count": second(ParseColumnCount(unhex("fd ffffff"), 0)), "ok": ParseOK(nil, 0, &OK{}), "eof": ParseResultEnd([]byte{0xfe, 1}, golden41, &OK{}),
		"change user": second(ParseChangeUser([]byte("x"), 0)), "greeting": second(ParseGreeting([]byte{9})), "execute": second(ExecuteTarget(nil)),
	} {
		if err == nil {
			t.Errorf("%s: a cut packet is accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestCommandNames(t *testing.T) {
	for c, want := range map[Command]string{
		ComSleep: "Sleep", ComQuery: "Query", ComStmtExecute: "Execute", ComResetConnection: "Reset Connection",
		ComStmtFetch: "Fetch", ComDaemon: "Daemon", ComStmtBulkExecute: "Bulk_execute", 0x99: "command 153",
	} {
		if c.String() != want {
			t.Errorf("%#x: %s, want %s", byte(c), c, want)
		}
	}
	if !ComStmtClose.NoReply() || ComQuery.NoReply() {
		t.Error("answers")
	}
}

package wire

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

const golden41 = CapProtocol41 | CapTransactions | CapSecureConnection | CapLongPassword

// Each packet as the bytes that it is, written out by hand from the protocol's pages or taken from a server.
func TestPacketGolden(t *testing.T) {
	type message interface {
		AppendPayload([]byte, Capability) []byte
	}
	for name, c := range map[string]struct {
		m    message
		caps Capability
		want string
	}{
		"OK": {&OK{Status: StatusAutocommit}, golden41, "00 00 00 0200 0000"},
		"OK after USE, tracked": {&OK{Status: StatusAutocommit, Track: unhex("01 02 01 64")}, golden41 | CapSessionTrack,
			"00 00 00 0240 0000 00 04 01 02 01 64"},
		"OK with text": {&OK{AffectedRows: 251, LastInsertID: 70000, Status: StatusInTrans, Warnings: 1, Info: []byte("hi")}, golden41,
			"00 fc fb00 fd 701101 0100 0100 02 6869"},
		"OK in place of EOF":                     {&ResultEnd{OK{Status: StatusAutocommit | StatusMoreResults}}, golden41 | CapDeprecateEOF, "fe 00 00 0a00 0000"},
		"EOF":                                    {&ResultEnd{OK{Status: StatusAutocommit, Warnings: 3, AffectedRows: 9}}, golden41, "fe 0300 0200"},
		"EOF before 4.1":                         {&ResultEnd{}, 0, "fe"},
		"ERR":                                    {Err{sqlerr.New(1096, "HY000", "No tables used")}, golden41, "ff 4804 23 4859303030 4e6f207461626c65732075736564"},
		"ERR before the login":                   {Err{sqlerr.New(1040, "08004", "Too many")}, 0, "ff 1004 546f6f206d616e79"},
		"local infile":                           {&LocalInfile{Name: "/a"}, golden41, "fb 2f61"},
		"auth switch":                            {&AuthSwitch{Plugin: AuthNative, Salt: []byte("01234567890123456789")}, 0, "fe" + hex.EncodeToString([]byte(AuthNative)) + "00" + strings.Repeat("30313233343536373839", 2) + "00"},
		"auth more data":                         {&AuthMoreData{Data: []byte{Sha2FullAuth}}, 0, "01 04"},
		"column count":                           {&ColumnCount{Columns: 300}, golden41, "fc 2c01"},
		"column count, MySQL without metadata":   {&ColumnCount{Columns: 2, SkipMetadata: true}, golden41 | CapOptionalMetadata, "00 02"},
		"column count, MariaDB without metadata": {&ColumnCount{Columns: 2, SkipMetadata: true}, golden41 | CapMariaDBCacheMetadata, "02 00"},
		"column": {&ColumnDef{Column: goldenColumn()}, golden41,
			"03646566 0164 0174 026f74 016e 026f6e 0c 2d00 2c010000 fd 0510 00 0000"},
		"column, MariaDB's metadata": {&ColumnDef{Column: goldenColumn()}, golden41 | CapMariaDBExtendedMetadata,
			"03646566 0164 0174 026f74 016e 026f6e 06 01046a736f6e 0c 2d00 2c010000 fd 0510 00 0000"},
		"column of a field list": {&ColumnDef{Column: goldenColumn(), FieldList: true, Default: []byte("x")}, golden41,
			"03646566 0164 0174 026f74 016e 026f6e 0c 2d00 2c010000 fd 0510 00 0000 0178"},
		"prepare OK":              {&PrepareOK{StatementID: 1, Columns: 1, Params: 2}, golden41, "00 01000000 0100 0200 00 0000"},
		"prepare OK, no metadata": {&PrepareOK{StatementID: 1, Columns: 1, Params: 2, SkipMetadata: true}, CapOptionalMetadata, "00 01000000 0100 0200 00 0000 00"},
		"statistics":              {Statistics("Up"), 0, "5570"},

		"quit":       {Bare(ComQuit), 0, "01"},
		"init db":    {InitDB("test"), 0, "02 74657374"},
		"query":      {&Query{SQL: []byte("select 1")}, golden41, "03 73656c6563742031"},
		"field list": {&FieldList{Table: "t", Wildcard: "%"}, 0, "04 7400 25"},
		"kill":       {ProcessKill(258), 0, "0c 02010000"},
		"set option": {MultiStatementsOff, 0, "1b 0100"},
		"prepare":    {&StmtPrepare{SQL: []byte("do ?")}, 0, "16 646f203f"},
		"long data":  {&StmtSendLongData{StatementID: 1, Param: 2, Data: []byte("abc")}, 0, "18 01000000 0200 616263"},
		"fetch":      {&StmtFetch{StatementID: 1, Rows: 100}, 0, "1c 01000000 64000000"},
		"reset":      {StmtReset(1), 0, "1a 01000000"},
		"close":      {StmtClose(1), 0, "19 01000000"},
		"query with attributes": {&Query{SQL: []byte("do 1"), Attrs: []Param{{ParamType{sqltypes.VarString, false, "tr"}, sqltypes.StringValue("v")}}},
			golden41 | CapQueryAttributes, "03 01 01 00 01 fd00 027472 0176 646f2031"},
		"query without attributes": {&Query{SQL: []byte("do 1")}, golden41 | CapQueryAttributes, "03 00 01 646f2031"},
		"execute": {&StmtExecute{StatementID: 1, Params: []Param{{ParamType{Type: sqltypes.Varchar}, sqltypes.StringValue("foo")}}},
			golden41, "17 01000000 00 01000000 00 01 0f00 03666f6f"},
		"execute without parameters": {&StmtExecute{StatementID: 1, Flags: CursorReadOnly}, golden41, "17 01000000 01 01000000"},
		"execute with attribute": {&StmtExecute{StatementID: 1,
			Params: []Param{{ParamType{Type: sqltypes.Tiny, Unsigned: true}, sqltypes.UintValue(200)}, {ParamType{Type: sqltypes.Long}, sqltypes.NullValue}},
			Attrs:  []Param{{ParamType{sqltypes.Double, false, "d"}, sqltypes.Value{Kind: sqltypes.KindDouble, Bytes: []byte("10.2")}}}},
			golden41 | CapQueryAttributes, "17 01000000 08 01000000 03 02 01 0180 00 0300 00 0500 0164 c8 6666666666662440"},
		"change user": {&ChangeUser{User: "u", Auth: []byte("aa"), Database: "d", Collation: 45, AuthPlugin: "p", Attrs: []Attr{{"k", "v"}}},
			golden41 | CapPluginAuth | CapConnectAttrs, "11 7500 026161 6400 2d00 7000 04 016b 0176"},
		"SSL request": {&SSLRequest{Capabilities: golden41 | CapSSL, MaxPacket: 1 << 24, Collation: 33}, 0,
			"01aa0000 00000001 21" + strings.Repeat("00", 23)},
	} {
		if diff := cmp.Diff(hex.Dump(unhex(c.want)), hex.Dump(c.m.AppendPayload(nil, c.caps))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func goldenColumn() sqltypes.Column {
	return sqltypes.Column{Schema: "d", Table: "t", OrgTable: "ot", Name: "n", OrgName: "on", Extended: unhex("01046a736f6e"),
		Collation: 45, Length: 300, Type: sqltypes.VarString, Flags: 0x1005}
}

// The first packet of a MariaDB 10.11 and of a MySQL 5.6 (from the protocol's page).
func TestGreetingGolden(t *testing.T) {
	mysql := unhex(`0a 352e362e342d6d372d6c6f6700 560a0000 5242336d7a264772 00 ffff 08 0200 0fc0 15 00000000000000000000
		2b79445e74392b6e25434d54 00 6d7973716c5f6e61746976655f70617373776f726400`)
	g, err := ParseGreeting(mysql)
	want := &Greeting{
		ServerVersion: "5.6.4-m7-log", ConnectionID: 2646, Salt: []byte("RB3mz&Gr+yD^t9+n%CMT"), Capabilities: 0xc00fffff,
		Collation: 8, Status: StatusAutocommit, AuthPlugin: AuthNative,
	}
	if diff := cmp.Diff(want, g); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if got := g.AppendPayload(nil, 0); string(got) != string(mysql) {
		t.Errorf("built:\n% x\nwant:\n% x", got, mysql)
	}
	if g.MariaDB() || g.Version() != "5.6.4-m7-log" {
		t.Error("a MySQL taken for a MariaDB")
	}

	mariadb := &Greeting{
		ServerVersion: "5.5.5-10.11.19-MariaDB", ConnectionID: 5, Salt: []byte(strings.Repeat("s", 20)),
		Capabilities: 126735087614, Collation: 8, Status: StatusAutocommit, AuthPlugin: AuthNative,
	}
	p := mariadb.AppendPayload(nil, 0)
	back, err := ParseGreeting(p)
	if diff := cmp.Diff(mariadb, back); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if !back.MariaDB() || back.Version() != "10.11.19-MariaDB" || !back.Capabilities.Has(CapMariaDBBulk) {
		t.Errorf("MariaDB %v, %s, %x", back.MariaDB(), back.Version(), back.Capabilities)
	}
	var refused *sqlerr.Error
	if _, err := ParseGreeting(unhex("ff 6904 486f7374")); sqlerr.As(err) == nil || sqlerr.As(err).Code != 1129 {
		t.Errorf("refused: %v %v", err, refused)
	}
}

// The login of the protocol's page, HandshakeResponse41.
func TestLoginGolden(t *testing.T) {
	p := unhex("8da60f00 00000001 08" + strings.Repeat("00", 23) + `70616d00 14 ab09eef6bcb1323e61143865c0991d957d75d447
		7465737400 6d7973716c5f6e61746976655f70617373776f726400`)
	l, err := ParseLogin(p)
	want := &Login{
		Capabilities: 0x000fa68d, MaxPacket: 1 << 24, Collation: 8, User: "pam",
		Auth: unhex("ab09eef6bcb1323e61143865c0991d957d75d447"), Database: "test", AuthPlugin: AuthNative,
	}
	if diff := cmp.Diff(want, l); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if got := l.AppendPayload(nil, 0); string(got) != string(p) {
		t.Errorf("built:\n% x\nwant:\n% x", got, p)
	}
}

func TestLoginVariants(t *testing.T) {
	base := CapProtocol41 | CapConnectWithDB
	for name, l := range map[string]*Login{
		"old auth":     {Capabilities: base | CapLongPassword, User: "u", Auth: []byte("abc"), Database: "d"},
		"no password":  {Capabilities: base | CapLongPassword | CapSecureConnection | CapPluginAuth, User: "u", Auth: []byte{}, AuthPlugin: "p"},
		"MariaDB":      {Capabilities: base | CapSecureConnection | CapMariaDBBulk, User: "u", Auth: []byte("abc")},
		"all there is": {Capabilities: base | CapLongPassword | CapPluginAuth | CapPluginAuthLenenc | CapConnectAttrs | CapZstd, User: "u", Auth: []byte(strings.Repeat("a", 300)), Database: "d", AuthPlugin: "p", Attrs: []Attr{{"_os", "Linux"}, {"", ""}}, ZstdLevel: 7},
	} {
		got, err := ParseLogin(l.AppendPayload(nil, 0))
		if diff := cmp.Diff(l, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for name, p := range map[string]string{
		"short": "0000", "before 4.1": strings.Repeat("00", 40), "no user's end": "00820000" + strings.Repeat("00", 28) + "4141",
		"password cut":   "00820000" + strings.Repeat("00", 28) + "4100 14 00",
		"attributes cut": "00821000" + strings.Repeat("00", 28) + "4100 00 05 0141",
	} {
		if l, err := ParseLogin(unhex(p)); errCode(err) != sqlerr.CodeHandshake {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

func TestSSLRequest(t *testing.T) {
	want := &SSLRequest{Capabilities: CapProtocol41 | CapSSL | CapLongPassword, MaxPacket: 77, Collation: 45}
	got, ok := ParseSSLRequest(want.AppendPayload(nil, 0))
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
	if _, ok := ParseSSLRequest((&Login{Capabilities: CapProtocol41 | CapSSL}).AppendPayload(nil, 0)); ok {
		t.Error("a login taken for a request of encryption")
	}
}

func TestErrWithoutState(t *testing.T) {
	for in, want := range map[string]*sqlerr.Error{
		"ff 4804 23 4859303030 4e6f": sqlerr.New(1096, "HY000", "No"),
		"ff 1004 546f6f":             sqlerr.New(1040, "HY000", "Too"),
		"ff 1004":                    sqlerr.New(1040, "HY000", ""),
		"ff 10":                      sqlerr.Malformed("ERR packet"),
	} {
		if diff := cmp.Diff(want, ParseErr(unhex(in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
	long := AppendErr(nil, sqlerr.New(1, "HY000", strings.Repeat("é", 400)), true)
	if got := ParseErr(long).Msg; got != strings.Repeat("é", 255) {
		t.Errorf("a long text is cut to %d bytes", len(got))
	}
}

// What MariaDB 10.11 answered to SET NAMES utf8mb4, sql_mode=” and to a commit with last_gtid tracked.
func TestSessionChangesGolden(t *testing.T) {
	track := unhex("00 0a 0873716c5f6d6f6465 00  01 02 01 64  03 06 00 04 302d312d  05 09 08 5f5f5f5f5f5f5f5f")
	var got []SessionChange
	err := SessionChanges(track, func(c SessionChange) bool {
		got = append(got, c)
		return true
	})
	want := []SessionChange{
		{Kind: ChangeVariable, Name: []byte("sql_mode"), Value: []byte{}},
		{Kind: ChangeSchema, Value: []byte("d")},
		{Kind: ChangeGTIDs, Value: []byte("0-1-")},
		{Kind: ChangeTxState, Value: []byte("________")},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	var built []byte
	for _, c := range got {
		built = AppendSessionChange(built, c)
	}
	if string(built) != string(track) {
		t.Errorf("built % x", built)
	}
	if err := SessionChanges(track[:5], func(SessionChange) bool { return true }); errCode(err) != sqlerr.CodeMalformedPacket {
		t.Errorf("cut: %v", err)
	}
}

func TestColumnViewRenames(t *testing.T) {
	def := AppendColumn(nil, new(goldenColumn()), golden41)
	v, err := ViewColumn(def)
	if err != nil {
		t.Fatal(err)
	}
	v.Schema, v.Table, v.OrgTable = []byte("shop"), []byte("orders"), []byte("orders")
	var col sqltypes.Column
	if err := ParseColumn(v.Append(nil), golden41, &col); err != nil {
		t.Fatal(err)
	}
	want := goldenColumn()
	want.Schema, want.Table, want.OrgTable, want.Extended = "shop", "orders", "orders", nil
	if diff := cmp.Diff(want, col); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if name, org, err := v.Label(); err != nil || string(name) != "n" || string(org) != "on" {
		t.Errorf("label %q, %q, %v", name, org, err)
	}
	buf := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(100, func() {
		v, _ := ViewColumn(def)
		v.Schema = want.Extended
		buf = v.Append(buf[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

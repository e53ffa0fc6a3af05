package parser

import "testing"

// TestWithReading brings values of sql_mode to other modes of reading: nothing else of them changes.
func TestWithReading(t *testing.T) {
	const strict = "STRICT_TRANS_TABLES,NO_ZERO_DATE"
	for _, c := range []struct {
		value string
		mode  SQLMode
		want  string
	}{
		{strict, 0, strict},
		{"", ANSIQuotes | NoBackslashEscapes, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"},
		{strict + ",ANSI_QUOTES", 0, strict},
		{"ANSI_QUOTES," + strict, PipesAsConcat, strict + ",PIPES_AS_CONCAT"},
		{"REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI", ANSIQuotes, "ANSI_QUOTES"},
		{strict, ParseSQLMode("ORACLE"), strict + ",ORACLE"},
		{strict, ParseSQLMode("ANSI") | NoAutoValueOnZero, strict + ",ANSI_QUOTES,IGNORE_SPACE,PIPES_AS_CONCAT,REAL_AS_FLOAT"},
		{"NO_AUTO_VALUE_ON_ZERO", OnlyFullGroupBy, "NO_AUTO_VALUE_ON_ZERO"},
	} {
		got := WithReading(c.value, c.mode)
		if got != c.want {
			t.Errorf("%q with %b is %q, not %q", c.value, c.mode, got, c.want)
		}
		if now := ParseSQLMode(got); now.Reading() != c.mode.Reading() {
			t.Errorf("%q reads by %b, not %b", got, now.Reading(), c.mode.Reading())
		}
	}
}

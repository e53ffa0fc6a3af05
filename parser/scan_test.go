package parser

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// show writes a key with its markers made visible.
func show(key []byte) string {
	names := []string{"", "int", "dec", "float", "str", "hex", "bit", "date", "time", "ts", "?"}
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		if key[i] != Marker {
			b.WriteByte(key[i])
			continue
		}
		i++
		switch {
		case key[i] == Marker:
			b.WriteString("<nul>")
		case key[i] == 0xff:
			fmt.Fprintf(&b, " same%v", key[i+1:])
			return b.String()
		case key[i] == foldMark:
			b.WriteString("…")
		default:
			fmt.Fprintf(&b, "<%s>", names[key[i]])
		}
	}
	return b.String()
}

func TestScanKey(t *testing.T) {
	for _, c := range []struct{ text, key, args string }{
		{"SELECT c FROM t WHERE id=4999", "SELECT c FROM t WHERE id=<int>", "4999"},
		{"select  a,'x',1.5,1e3,0xAF,b'1',? from t -- c", "select  a,<str>,<dec>,<float>,<hex>,<bit>,<?> from t -- c", "'x'|1.5|1e3|0xAF|b'1'|?"},
		{"SELECT -5, +5, a-1", "SELECT -<int>, +<int>, a-<int>", "5|5|1"},
		{"SELECT 'a' 'b' \"c\" FROM t", "SELECT <str> FROM t", "'a' 'b' \"c\""},
		{"SELECT a 'b', a AS 'c', COUNT(*) 'd'", "SELECT a 'b', a AS 'c', COUNT(*) 'd'", ""},
		{"SELECT _utf8mb4'a', _utf8mb4 x'41', N'b', _foo 'x'", "SELECT <str>, <hex>, <str>, _foo 'x'", "_utf8mb4'a'|_utf8mb4 x'41'|N'b'"},
		{"SELECT DATE'2020-01-01', t.date 'x', TIMESTAMP '2020-01-01 00:00:00'", "SELECT <date>, t.date 'x', <ts>", "DATE'2020-01-01'|TIMESTAMP '2020-01-01 00:00:00'"},
		{"SELECT 1 FROM t ORDER BY 1, a+2, (3), +4, 5 DESC LIMIT 6, 7", "SELECT <int> FROM t ORDER BY 1, a+<int>, (3), +4, 5 DESC LIMIT <int>, <int> same[0 0 0]", "1|2|6|7"},
		{"SELECT a FROM t GROUP BY 1, f(2, 3), 4 HAVING x > 5", "SELECT a FROM t GROUP BY 1, f(<int>, <int>), 4 HAVING x > <int> same[0 0 0]", "2|3|5"},
		{"SELECT (SELECT a FROM t ORDER BY 1 LIMIT 1), 2, 3", "SELECT (SELECT a FROM t ORDER BY 1 LIMIT <int>), <int>, <int> same[0 0 0]", "1|2|3"},
		{"SELECT a+1 FROM t GROUP BY a+1", "SELECT a+<int> FROM t GROUP BY a+<int> same[1]", "1|1"},
		{"SELECT a+1 FROM t GROUP BY a+2", "SELECT a+<int> FROM t GROUP BY a+<int> same[0]", "1|2"},
		{"SELECT a+? FROM t GROUP BY a+?", "SELECT a+<?> FROM t GROUP BY a+<?> same[0]", "?|?"},
		{"INSERT INTO t VALUES (1,'a'),(2,'b')", "INSERT INTO t VALUES (<int>,<str>),(<int>,<str>)…", "1|'a'|2|'b'"},
		{"SELECT @'x', @`y`, @z, @@a.b, 1abc, t.1a, t.2", "SELECT @'x', @`y`, @z, @@a.b, 1abc, t.1a, t.2", ""},
		{"SELECT 'a' /*! 'b' */, 'c'", "SELECT 'a' /*! 'b' */, <str>", "'c'"},
		{"SELECT 'a' /*!80000 'b' */ 'c'", "SELECT <str>", "'a' /*!80000 'b' */ 'c'"},
		{"/* a\x00 */ SELECT 1", "/* a<nul> */ SELECT <int>", "1"},
		{"SELECT NULL, TRUE, 1", "SELECT NULL, TRUE, <int>", "1"},
		{"CREATE PROCEDURE p() BEGIN SELECT 1; END", "CREATE PROCEDURE p() BEGIN SELECT 1; END", ""},
		{"SELECT x LIKE 'a' ESCAPE '|'", "SELECT x LIKE <str> ESCAPE '|'", "'a'"},
	} {
		var s Scan
		if err := s.Scan([]byte(c.text), maria); err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		var args []string
		for _, a := range s.Args {
			args = append(args, c.text[a.Start:a.End])
		}
		if got := show(s.Key); got != c.key {
			t.Errorf("%q: key\n %q, want\n %q", c.text, got, c.key)
		}
		if got := strings.Join(args, "|"); got != c.args {
			t.Errorf("%q: args %q, want %q", c.text, got, c.args)
		}
	}
}

func TestScanStatements(t *testing.T) {
	oracle := maria
	oracle.SQLMode = ParseSQLMode("ORACLE")
	for _, c := range []struct {
		mode  Mode
		text  string
		parts []string
	}{
		{maria, "SELECT 1; SELECT 2", []string{"SELECT 1", "SELECT 2"}},
		{maria, "SELECT 1 ; ;; -- x\n /* y */ ;", []string{"SELECT 1 "}},
		{maria, "SELECT ';' /* ; */ ; # ;\n SELECT `;`", []string{"SELECT ';' /* ; */ ", "# ;\n SELECT `;`"}},
		{maria, "CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; END IF; SELECT 2; END; SELECT 3",
			[]string{"CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; END IF; SELECT 2; END", "SELECT 3"}},
		{maria, "CREATE PROCEDURE p() SELECT CASE WHEN 1 THEN IF(1,2,3) ELSE 3 END; SELECT 3",
			[]string{"CREATE PROCEDURE p() SELECT CASE WHEN 1 THEN IF(1,2,3) ELSE 3 END", "SELECT 3"}},
		{maria, "CREATE DEFINER=`a`@`b` TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN CASE a WHEN 1 THEN SET b=1; END CASE; END; DO 1",
			[]string{"CREATE DEFINER=`a`@`b` TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN CASE a WHEN 1 THEN SET b=1; END CASE; END", "DO 1"}},
		{maria, "CREATE FUNCTION f() RETURNS INT BEGIN l: LOOP LEAVE l; END LOOP; WHILE 1 DO SET @a=1; END WHILE; REPEAT SET @a=REPEAT('x',2); UNTIL 1 END REPEAT; RETURN IF(1,2,3); END; DO 1",
			[]string{"CREATE FUNCTION f() RETURNS INT BEGIN l: LOOP LEAVE l; END LOOP; WHILE 1 DO SET @a=1; END WHILE; REPEAT SET @a=REPEAT('x',2); UNTIL 1 END REPEAT; RETURN IF(1,2,3); END", "DO 1"}},
		{maria, "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END; SELECT 3", []string{"BEGIN NOT ATOMIC SELECT 1; SELECT 2; END", "SELECT 3"}},
		{maria, "BEGIN; SELECT 1", []string{"BEGIN", "SELECT 1"}},
		{maria, "IF 1 THEN SELECT 1; END IF; SELECT 3", []string{"IF 1 THEN SELECT 1; END IF", "SELECT 3"}},
		{maria, "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; END; DO 1",
			[]string{"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; END", "DO 1"}},
		{maria, "CREATE TABLE event (a INT); DO 1", []string{"CREATE TABLE event (a INT)", "DO 1"}},
		{maria, "CREATE TABLE t (begin INT, `end` INT); DO 1", []string{"CREATE TABLE t (begin INT, `end` INT)", "DO 1"}},
		{maria, "SELECT @a := 1; DO 1", []string{"SELECT @a := 1", "DO 1"}},
		{oracle, "BEGIN SELECT 1; END; DO 1", []string{"BEGIN SELECT 1; END", "DO 1"}},
		{maria, "CREATE FUNCTION f(x INT) RETURNS INT IF x IN (1,2) THEN RETURN 1; ELSE RETURN 2; END IF; DO 1",
			[]string{"CREATE FUNCTION f(x INT) RETURNS INT IF x IN (1,2) THEN RETURN 1; ELSE RETURN 2; END IF", "DO 1"}},
		{maria, "CREATE FUNCTION IF NOT EXISTS f() RETURNS VARCHAR(3) CHARACTER SET latin1 NO SQL COMMENT 'x' WHILE 1 DO RETURN 1; END WHILE; DO 1",
			[]string{"CREATE FUNCTION IF NOT EXISTS f() RETURNS VARCHAR(3) CHARACTER SET latin1 NO SQL COMMENT 'x' WHILE 1 DO RETURN 1; END WHILE", "DO 1"}},
		{maria, "CREATE FUNCTION f() RETURNS INT RETURN IF(1,2,3); DO 1", []string{"CREATE FUNCTION f() RETURNS INT RETURN IF(1,2,3)", "DO 1"}},
		{maria, "CREATE PROCEDURE p() SET @a = REPEAT('a', 3); DO 1", []string{"CREATE PROCEDURE p() SET @a = REPEAT('a', 3)", "DO 1"}},
		{maria, "CREATE PROCEDURE p() SQL SECURITY INVOKER FOR i IN 1..3 DO SET @a = i; END FOR; DO 1",
			[]string{"CREATE PROCEDURE p() SQL SECURITY INVOKER FOR i IN 1..3 DO SET @a = i; END FOR", "DO 1"}},
		{maria, "CREATE PROCEDURE p() BEGIN SET @a := IF(1,2,3); END; DO 1", []string{"CREATE PROCEDURE p() BEGIN SET @a := IF(1,2,3); END", "DO 1"}},
		{maria, "CREATE PROCEDURE p(a INT) l: REPEAT SET @a = 1; UNTIL 1 END REPEAT l; DO 1",
			[]string{"CREATE PROCEDURE p(a INT) l: REPEAT SET @a = 1; UNTIL 1 END REPEAT l", "DO 1"}},
		{maria, "CREATE PROCEDURE p() CASE 1 WHEN 1 THEN DO 1; END CASE; DO 1",
			[]string{"CREATE PROCEDURE p() CASE 1 WHEN 1 THEN DO 1; END CASE", "DO 1"}},
		{maria, "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW IF NEW.a THEN SET NEW.a = 1; END IF; DO 1",
			[]string{"CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW IF NEW.a THEN SET NEW.a = 1; END IF", "DO 1"}},
		{maria, "BEGIN NOT ATOMIC IF (EXISTS (SELECT 1)) THEN DO 1; ELSE DO 2; END IF; END; DO 3",
			[]string{"BEGIN NOT ATOMIC IF (EXISTS (SELECT 1)) THEN DO 1; ELSE DO 2; END IF; END", "DO 3"}},
		{maria, "SET STATEMENT sql_mode = '', sort_buffer_size = (1 + 2) FOR BEGIN NOT ATOMIC DO 1; DO 2; END; DO 3",
			[]string{"SET STATEMENT sql_mode = '', sort_buffer_size = (1 + 2) FOR BEGIN NOT ATOMIC DO 1; DO 2; END", "DO 3"}},
		{maria, "SET STATEMENT sql_mode = '' FOR CREATE PROCEDURE p() BEGIN DO 1; END; DO 3",
			[]string{"SET STATEMENT sql_mode = '' FOR CREATE PROCEDURE p() BEGIN DO 1; END", "DO 3"}},
		{maria, "SET STATEMENT sql_mode = '' FOR SELECT 1; DO 3", []string{"SET STATEMENT sql_mode = '' FOR SELECT 1", "DO 3"}},
		{maria, "SET @a = 1; DO 3", []string{"SET @a = 1", "DO 3"}},
		{oracle, "DECLARE CURSOR c IS SELECT 1; a INT; BEGIN OPEN c; WHILE c%FOUND LOOP DO 1; END LOOP; CLOSE c; END; DO 1",
			[]string{"DECLARE CURSOR c IS SELECT 1; a INT; BEGIN OPEN c; WHILE c%FOUND LOOP DO 1; END LOOP; CLOSE c; END", "DO 1"}},
		{oracle, "CREATE PROCEDURE p(a INT) AS b INT; BEGIN <<l>> LOOP EXIT l; END LOOP; NULL; END; DO 1",
			[]string{"CREATE PROCEDURE p(a INT) AS b INT; BEGIN <<l>> LOOP EXIT l; END LOOP; NULL; END", "DO 1"}},
		{oracle, "CREATE FUNCTION f RETURN INT IS BEGIN RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN 2; END; DO 1",
			[]string{"CREATE FUNCTION f RETURN INT IS BEGIN RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN 2; END", "DO 1"}},
		{oracle, "CREATE PACKAGE k AS PROCEDURE a; FUNCTION b(x INT) RETURN INT; END; DO 1",
			[]string{"CREATE PACKAGE k AS PROCEDURE a; FUNCTION b(x INT) RETURN INT; END", "DO 1"}},
		{oracle, "CREATE OR REPLACE PACKAGE BODY k AS v INT; PROCEDURE a AS w INT; BEGIN NULL; END; FUNCTION b(x INT) RETURN INT AS BEGIN RETURN 1; END; BEGIN v := 1; END; DO 1",
			[]string{"CREATE OR REPLACE PACKAGE BODY k AS v INT; PROCEDURE a AS w INT; BEGIN NULL; END; FUNCTION b(x INT) RETURN INT AS BEGIN RETURN 1; END; BEGIN v := 1; END", "DO 1"}},
		{mysql80, "SELECT 1; /*!80000 SELECT 2 */; DO 1", []string{"SELECT 1", "/*!80000 SELECT 2 */", "DO 1"}},
		{maria, "SELECT 1; /*!80000 SELECT 2 */; DO 1", []string{"SELECT 1", "/*!80000 SELECT 2 */", "DO 1"}},
	} {
		var got []string
		rest := c.text
		var s Scan
		for {
			if err := s.Scan([]byte(rest), c.mode); err != nil {
				t.Errorf("%q: %v", rest, err)
				break
			}
			got = append(got, rest[:s.End])
			if s.Next < 0 {
				break
			}
			rest = rest[s.Next:]
		}
		if strings.Join(got, "\x01") != strings.Join(c.parts, "\x01") {
			t.Errorf("%q:\n got %q\nwant %q", c.text, got, c.parts)
		}
	}
}

// TestScanMySQL holds what only a MySQL server reads so; its source, 8.0 and 8.4, is the authority.
func TestScanMySQL(t *testing.T) {
	new84 := Mode{Flavour: Flavour{Version: 80400}}
	for _, c := range []struct {
		mode Mode
		text string
		key  string // "" for a refusal
	}{
		{mysql80, "SELECT 1 /*!80000 , 2 */", "SELECT <int> /*!80000 , <int> */"},
		{mysql80, "SELECT 1 /*!80037 , 2 */", "SELECT <int> /*!80037 , 2 */"},
		{mysql80, "SELECT 1 /*M! , 2 */", "SELECT <int> /*M! , 2 */"},
		{mysql80, "SELECT 1 /*!080000 , 2 */", ""},
		{new84, "SELECT 1 /*!080000 , 2 */", "SELECT <int> /*!080000 , <int> */"},
		{new84, "SELECT 1 /*!100000 , 2 */", "SELECT <int> /*!100000 , 2 */"},
		{new84, "SELECT 1 /*!800001, 2 */", "SELECT <int> /*!80000<int>, <int> */"},
		{mysql80, "SELECT $a$ FROM t", ""},
		{mysql80, "SELECT /*+ BKA(`a*/b`) */ 1", ""},
	} {
		var s Scan
		err := s.Scan([]byte(c.text), c.mode)
		if c.key == "" {
			var te *TextError
			if !errors.As(err, &te) {
				t.Errorf("%q: %v, want a refusal", c.text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := show(s.Key); got != c.key {
			t.Errorf("%q: key %q, want %q", c.text, got, c.key)
		}
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	var s Scan
	text := []byte("SELECT a, COUNT(*) FROM t WHERE id IN (1,2,3) AND b = 'x' 'y' GROUP BY a ORDER BY 2 LIMIT 5")
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Scan(text, maria); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// rebuild puts the literals, and the elements that are folded away, back into a key.
func rebuild(s *Scan, text []byte) []byte {
	key, args, folds := s.Key, s.Args, s.Folds
	var out []byte
	for i, n := 0, 0; i < len(key); i++ {
		if key[i] != Marker {
			out = append(out, key[i])
			continue
		}
		i++
		switch key[i] {
		case Marker:
			out = append(out, Marker)
		case 0xff:
			return out
		case foldMark:
			f := folds[0]
			folds = folds[1:]
			out = append(out, text[f.Second.End:f.End]...)
			n += (f.Count - 2) * f.Width
		default:
			out = append(out, text[args[n].Start:args[n].End]...)
			n++
		}
	}
	return out
}

// FuzzScan checks that nothing panics, spans are ordered and in the text, key and arguments give back the text,
// and Parse agrees with Scan.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"SELECT c FROM t WHERE id=1", "SELECT 'a' /*! 'b' */ 'c'; x", "/*!50000 SELECT */ 1", "BEGIN NOT ATOMIC a; END; b",
		"SELECT _gbk'\xbf\x5c' FROM `a``b`.`c` ORDER BY 1,(2)", "INSERT INTO t(a) VALUES(1),(?) ON DUPLICATE KEY UPDATE a=VALUES(a)",
		"WITH c AS (SELECT 1) SELECT * FROM c, (a JOIN b) d", "DELETE a FROM t a", "x'", "@@@a", "((((", "))))", "SET @a=1,b=DEFAULT", "SHOW COLUMNS FROM",
		"INSERT t VALUES (1,'a'),(2,'b'),(3,'c'), (4,5)", "SELECT 1 WHERE a IN (1,2,3) AND b IN ((1,?),(2,?),(3,?)) OR c IN (1,/*!2*/,3)"} {
		for m := range 4 {
			f.Add([]byte(s), uint32(m), uint8(m), m%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, sqlMode uint32, charset uint8, isMaria bool) {
		mode := Mode{SQLMode: SQLMode(sqlMode) & 0xfff, Charset: Charset(charset % 8), Flavour: mysql80.Flavour}
		if isMaria {
			mode.Flavour = maria.Flavour
		}
		var s Scan
		if err := s.Scan(text, mode); err != nil {
			return
		}
		last := int32(0)
		for i, a := range s.Args {
			if a.Start < last || a.End <= a.Start || int(a.End) > s.End {
				t.Fatalf("argument %d %v", i, a)
			}
			last = a.End
			if v, err := s.Value(i); err == nil && v.Kind == 0 {
				t.Fatalf("argument %d decodes to nothing", i)
			}
		}
		if got := rebuild(&s, text); !bytes.Equal(got, text[:s.End]) {
			t.Fatalf("rebuilt %q from %q", got, text)
		}
		foldInvariants(t, &s, text)
		if s.Next >= 0 && (s.Next <= s.End || s.Next >= len(text)) {
			t.Fatalf("next %d", s.Next)
		}
		st, err := Parse(string(text), mode)
		if err != nil {
			if len(bytes.TrimSpace(text[:s.End])) > 0 && !s.Empty {
				t.Fatalf("Parse: %v", err)
			}
			return
		}
		if len(st.Args) != len(s.Args) {
			t.Fatalf("Parse has %d arguments, Scan %d", len(st.Args), len(s.Args))
		}
		invariants(t, st)
		describeText(t, st)
	})
}

func BenchmarkScanPointSelect(b *testing.B) {
	var s Scan
	text := []byte("SELECT c FROM sbtest1 WHERE id=4999")
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Scan(text, maria); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePointSelect(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("SELECT c FROM sbtest1 WHERE id=4999", maria); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRowCountOfOracle(t *testing.T) {
	oracle := maria
	oracle.SQLMode = ParseSQLMode("ORACLE")
	for text, want := range map[string]bool{"SELECT SQL%ROWCOUNT": true, "SELECT sql % rowcount + 1": true, "SELECT a%ROWCOUNT": false} {
		st, err := Parse(text, oracle)
		if err != nil {
			t.Fatal(err)
		}
		if st.Uses.Has(UseRowCount) != want {
			t.Errorf("%s asks for the row count: %v", text, !want)
		}
	}
	if st := mustParse(t, "SELECT SQL%ROWCOUNT"); st.Uses.Has(UseRowCount) {
		t.Error("other modes know it too")
	}
}

// Strings beside each other are one literal; of a megabyte of them no more is copied than a few times its length.
func TestManyAdjacentStrings(t *testing.T) {
	const n = 1 << 18
	began := allocated()
	st, err := Parse("SELECT "+strings.Repeat("'a' ", n), Mode{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := st.Value(0)
	if err != nil || len(v.Bytes) != n {
		t.Errorf("the value has %d bytes, %v", len(v.Bytes), err)
	}
	if took := allocated() - began; took > 100*n*4 {
		t.Errorf("reading it takes %d bytes", took)
	}
}

// What a text may take is asked before it is taken.
func TestRoom(t *testing.T) {
	full := errors.New("full")
	var asked int64
	room := func(bytes int64) error {
		if asked += bytes; asked > 1<<20 {
			return full
		}
		return nil
	}
	for _, text := range []string{"SELECT " + strings.Repeat("1,", 1<<20) + "1", strings.Repeat("(", 1<<20), "SELECT " + strings.Repeat("a+", 1<<20) + "a"} {
		asked = 0
		began := allocated()
		_, err := ParseWithin(text, Mode{}, room)
		if took := allocated() - began; err != full || took > uint64(16*len(text)) {
			t.Errorf("%.20s…: %v, %d bytes taken", text, err, took)
		}
	}
	asked = 0
	if _, err := ParseWithin("SELECT a FROM t WHERE b = 1", Mode{}, room); err != nil || asked == 0 {
		t.Errorf("a usual statement asks for %d bytes: %v", asked, err)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

package parser

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

var genCases = []struct{ mode, cs, text string }{}

func TestZZGen(t *testing.T) {
	db, err := sql.Open("mysql", "root@unix("+os.Getenv("MDB")+")/t?interpolateParams=false")
	if err != nil { t.Fatal(err) }
	c, err := db.Conn(context.Background())
	if err != nil { t.Fatal(err) }
	for i := 0; i < 0; i++ {}
	var b strings.Builder
	b.WriteString("# sql_mode, client charset, text, then the answer of MariaDB 10.11.19: an error or the first row.\n")
	for _, k := range genList() {
		c.ExecContext(context.Background(), "SET character_set_client=utf8mb4, sql_mode='"+k[0]+"'")
		c.ExecContext(context.Background(), "SET character_set_results=NULL, character_set_connection="+k[1]+", character_set_client="+k[1])
		b.WriteString(fmt.Sprintf("%s\t%s\t%q", k[0], k[1], k[2]))
		rows, err := c.QueryContext(context.Background(), k[2])
		var me *mysql.MySQLError
		if errors.As(err, &me) { fmt.Fprintf(&b, "\terror %d\n", me.Number); continue }
		if err != nil { fmt.Fprintf(&b, "\tERR %v\n", err); continue }
		cols, _ := rows.Columns()
		vals := make([]any, len(cols)); raw := make([]sql.RawBytes, len(cols))
		for i := range raw { vals[i] = &raw[i] }
		rows.Next()
		rows.Scan(vals...)
		for _, r := range raw { if r == nil { fmt.Fprintf(&b, "\t\"NULL\"") } else { fmt.Fprintf(&b, "\t%q", string(r)) } }
		if len(raw)==0 { b.WriteString("\t\"\"") }
		b.WriteString("\n")
		rows.Close()
	}
	os.WriteFile("testdata/lexis.txt", []byte(b.String()), 0o644)
}

func genList() [][3]string {
	var out [][3]string
	add := func(m, cs string, texts ...string) { for _, x := range texts { out = append(out, [3]string{m, cs, x}) } }
	u := "utf8mb4"
	add("", u, "SELECT 1", "SELECT 'a'", "SELECT 'a''b'", `SELECT 'a\'b'`, `SELECT 'a\\'`, `SELECT 'a\nb\tc\rd\be\0f\Zg\%h\_i\jk\"l'`, `SELECT "a"`, `SELECT "a""b'c"`, `SELECT 'a"b'`,
		"SELECT 'a' 'b'", "SELECT 'a'\n'b' \"c\"", "SELECT 'a' /* x */ 'b'", "SELECT 'a' -- x\n'b'", "SELECT 'a'# x\n'b'", "SELECT _utf8mb4'a' 'b'", "SELECT _binary'a'", "SELECT _latin1'a'", "SELECT N'a' 'b'", "SELECT n'x'", `SELECT N'a\'b'`, "SELECT N\"x\"",
		"SELECT x'4142'", "SELECT X'4a'", "SELECT x'4'", "SELECT x'4g'", "SELECT 0x4142", "SELECT 0x414", "SELECT 0X41", "SELECT 0x", "SELECT 0xg", "SELECT 0x4142g", "SELECT b'01000001'", "SELECT B'1000001'", "SELECT 0b1000001", "SELECT 0b100000101000010", "SELECT 0b2", "SELECT 0b", "SELECT b'2'", "SELECT x''", "SELECT b''", "SELECT x '41'", "SELECT x\"41\"",
		"SELECT 1.", "SELECT .5", "SELECT 1.5", "SELECT 1e5", "SELECT 1E+5", "SELECT 1e-2", "SELECT 1.e5", "SELECT .5e1", "SELECT 1.5e", "SELECT 1.5e+", "SELECT .e5", "SELECT 1e5x", "SELECT 1.5x", "SELECT 1ex", "SELECT 1e+x", "SELECT 1abc", "SELECT 1.2.3", "SELECT 1..2", "SELECT 00012", "SELECT 9223372036854775807", "SELECT 9223372036854775808", "SELECT 18446744073709551615", "SELECT 18446744073709551616", "SELECT 123456789012345678901234567890",
		"SELECT 1--1", "SELECT 1 --1", "SELECT 1 -- 1\n", "SELECT 1 --", "SELECT 1 --\t2", "SELECT 1 --\x012", "SELECT 1 # x", "SELECT 1 #x\n", "SELECT 1 /* x", "SELECT 1 /* x */", "SELECT 1 /*/ x */", "SELECT 1 /**/", "SELECT 1 /* /* */", "SELECT 1 /* /* */ */", "SELECT 1 */", "SELECT 1 */ 2",
		"SELECT 1 /*! */", "SELECT 1 /*!, 2 */", "SELECT 1 /*!50000, 2 */", "SELECT 1 /*!50699 , 2*/", "SELECT 1 /*!50700, 2*/", "SELECT 1 /*!80000, 2*/", "SELECT 1 /*!99999, 2*/", "SELECT 1 /*!100000, 2*/", "SELECT 1 /*!100100, 2*/", "SELECT 1 /*!101119, 2*/", "SELECT 1 /*!101120, 2*/", "SELECT 1 /*!110000, 2*/", "SELECT 1 /*M!50700, 2*/", "SELECT 1 /*M!101119, 2*/", "SELECT 1 /*M!101120, 2*/", "SELECT 1 /*M!, 2*/", "SELECT 1 /*M, 2*/", "SELECT 1 /*m!, 2*/", "SELECT 1 /*!5000, 2*/", "SELECT 1 /*!5070, 2*/", "SELECT 1 /*!1011190, 2*/", "SELECT 1 /*!500000, 2*/", "SELECT 1 /*!080000, 2*/", "SELECT 1 /*!050000, 2*/", "SELECT 1 /*!050700, 2*/", "SELECT 1 /*!000000, 2*/",
		"SELECT 1 /*!, 2 /* x */ , 3 */", "SELECT 1 /*!, 2 /*!50000, 3 */, 4 */", "SELECT 1 /*!, 2 /*!50000, 3 */, 4", "SELECT 1 /*!, 2 /*!80000, 3 */, 4 */", "SELECT 1 /*!, 2 /*!80000, 3 /* y */ z */, 4 */", "SELECT 1 /*!80000 /* x */ , 2 */", "SELECT 1 /*!80000 /* x /* */ , 2 */", "SELECT 1 /*!80000 '*/' */", "SELECT 1 /*! , '*/' */", "SELECT 1 /*! , 2 -- */ \n , 3 */", "SELECT 1 /*!", "SELECT 1 /*!50000", "SELECT 1 /*!80000", "SELECT 1 /*!80000 /* */", "SELECT 1 /*!50000,*/ 2", "SELECT 1 /*!99999,*/ 'x'", "SELECT 'a' /*! 'b' */", "SELECT 'a' /*!80000 'b' */ 'c'", "SELECT _utf8mb4 /*! 'b' */", "SELECT DATE /*! '2020-01-01' */",
		"SELECT /*+ X */ 1", "SELECT /*+ 'x*/ 1", "SELECT DATE'2020-01-02'", "SELECT date '2020-01-02'", "SELECT TIME'10:11:12'", "SELECT TIME'-100:11:12.5'", "SELECT TIMESTAMP'2020-01-02 03:04:05'", "SELECT TIMESTAMP'2020-01-02 03:04:05.123456'", "SELECT TIMESTAMP\"2020-01-02 03:04:05\"", "SELECT DATE'2020-13-02'", "SELECT DATE 'x'", "SELECT {d'2020-01-02'}",
		"SELECT 1 'x'", "SELECT 1 AS 'x'", "SELECT 'a' AS 'b'", "SELECT 'a' 'b' AS 'c'", "SELECT 'x", "SELECT \"x", "SELECT `x", "SELECT 'x\\'", "SELECT `a``b`", "SELECT ``", "SELECT `a\x00b`", "SELECT 'a\x00b'", "SELECT 1\x00", "SELECT 1 # a\x00b\n", "SELECT 1 /* a\x00b */", "SELECT 1;", "SELECT 1 ; ;", "SELECT 1;SELECT 2",
		"SELECT @a", "SELECT @`a b`", "SELECT @'x'", "SELECT @\"x\"", "SELECT @a.b$c", "SELECT @1", "SELECT @", "SELECT @ a", "SELECT @@version_comment = 'x'", "SELECT @@ version", "SELECT @@global.port > 5", "SELECT @@`port` > 5", "SELECT @@session.sql_mode", "SELECT @x:=5", "SELECT @x := 'a' 'b'", "SELECT 1 := 2", "SELECT 1<=>1", "SELECT 1<>2", "SELECT 1!=2", "SELECT 1||0", "SELECT 1&&0", "SELECT 1<<2", "SELECT !0", "SELECT ~0", "SELECT 5 DIV 2", "SELECT 5%2", "SELECT 1=!0", "SELECT 1=-1", "SELECT - 1", "SELECT -1", "SELECT +1", "SELECT - -1", "SELECT ?", "SELECT ?a",
		"SELECT 'é'", "SELECT 'a\xffb'", "SELECT \xc3\xa9", "SELECT 1 AS é", "SELECT\xa01", "SELECT\x0b1", "SELECT\x0c1", "SELECT\x1f1", "SELECT $a", "SELECT 1 AS $a$b", "SELECT 1 AS a$", "SELECT _utf8'x'", "SELECT _foo'x'", "SELECT _utf8mb4 x'41'", "SELECT _utf8mb4 0x41", "SELECT _latin1 b'1000001'", "SELECT _binary 0x41", "SELECT 1 AS _x", "SELECT \\N", "SELECT '' ''", "SELECT ''", "SELECT ''''", "SELECT '\\''", "SELECT 'a\\", "SELECT 'x' IN ('x','y')", "SELECT CASE 'a' WHEN 'a' THEN 'x' ELSE 'y' END", "SELECT 'a' LIKE 'A' ESCAPE 'x'", "SELECT 1 FROM dual WHERE 'a'='a' ORDER BY 1", "SELECT t.1a FROM t", "SELECT t.1e5 FROM t", "SELECT t .1a FROM t", "SELECT `t`.1a FROM t", "SELECT t. a FROM t", "SELECT t.select FROM t", "SELECT t .select FROM t", "SELECT t. select FROM t", "SELECT `t`.select FROM t", "SELECT .t.a FROM t", "SELECT 1 FROM .t", "SELECT 1 FROM t.1t", "SELECT t.0x1 FROM t","SELECT t.a'x' FROM t", "SELECT a'x' FROM t", "SELECT a 'x' FROM t","SELECT count(*)'x' FROM t")
	add("NO_BACKSLASH_ESCAPES", u, `SELECT 'a\'`, `SELECT 'a\\'`, `SELECT 'a\'b'`, `SELECT 'a\n'`, "SELECT 'a''b'", `SELECT "a\"`)
	add("ANSI_QUOTES", u, `SELECT "a"`, `SELECT 'a' "b"`, `SELECT 'a"b'`, `SELECT 1 "a""b"`, `SELECT 1 AS "a\"`, `SELECT 'x\'y'`, `SELECT @"a\"`)
	add("PIPES_AS_CONCAT", u, "SELECT 'a'||'b'")
	add("ORACLE", u, "SELECT 1", "SELECT 'a\\\\b'", "SELECT \"a\"", "SELECT 1..2")
	add("IGNORE_SPACE", u, "SELECT COUNT (*)", "SELECT t .a FROM t")
	for _, cs := range []string{"gbk", "sjis", "cp932", "big5"} {
		add("", cs, "SELECT 'a\x81\x5c'", "SELECT '\x95\x5c'", "SELECT '\x95\x5c\\'x'", "SELECT '\xb3\x5c'", "SELECT '\xb3\x5c'' '", "SELECT '\xbf\x27'", "SELECT '\\\xbf\x27'", "SELECT '\x83\x60'", "SELECT 1 AS `\x83\x60`", "SELECT 1 AS `\xb3\x60`", "SELECT 1 AS \x83\x5c", "SELECT 1 AS \xb3\x5c", "SELECT '\xff\x5c'", "SELECT '\x80\x5c'", "SELECT '\xa0\x5c'", "SELECT '\xfd\x5c'", "SELECT '\xe0\x5c\\''", "SELECT 'x\xb3'", "SELECT 'x\xb3', 'y'")
		add("NO_BACKSLASH_ESCAPES", cs, "SELECT '\x95\x5c'", "SELECT '\xb3\x5c\x5c'")
	}
	add("", "latin1", "SELECT '\xb3\x5c'", "SELECT '\xb3\x5c\x5c'", "SELECT\xa01", "SELECT 1 AS \xe9", "SELECT '\xe9'", "SELECT 1 \xa0+1", "SELECT 1 --\xa0x", "SELECT 1 AS \xe9\xa0FROM dual", "SELECT 12\xa0FROM dual", "SELECT 1 AS \xd7")
	add("", "cp1251", "SELECT\xa01", "SELECT 1 AS \xe9\xa0FROM dual")
	add("", "binary", "SELECT 'a'", "SELECT '\xff\x5c\x5c'")
	return out
}

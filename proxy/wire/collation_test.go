package wire

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Every collation that a MariaDB 10.11 lists is known by id and by name, and ids that it has not are not invented.
func TestCollationsOfMariaDB(t *testing.T) {
	f, err := os.Open("testdata/mariadb_10.11_collations.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	known := map[uint16]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var want Collation
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if _, err := fmt.Sscan(lines.Text(), &want.ID, &want.Name, &want.Charset); err != nil {
			t.Fatal(err)
		}
		known[want.ID] = true
		if got, ok := CollationByID(want.ID, MariaDB); !ok || got != want {
			t.Errorf("%d: %+v, want %+v", want.ID, got, want)
		}
		if got, ok := CollationByName(want.Name, MariaDB); !ok || got != want {
			t.Errorf("%s: %+v, want %+v", want.Name, got, want)
		}
		if want.MaxLen() == 0 {
			t.Errorf("%s: no character length", want.Name)
		}
	}
	if len(known) != 1242 {
		t.Errorf("%d collations in the list", len(known))
	}
	for id := range uint16(4000) {
		c, ok := CollationByID(id, MariaDB)
		mysqlOnly := id == 76 || id >= 248 && id <= 323
		if ok && !known[id] && !mysqlOnly {
			t.Errorf("%d is %s, which the server does not have", id, c.Name)
		}
	}
}

func TestCollationsOfMySQL(t *testing.T) {
	for id, name := range map[uint16]string{
		8: "latin1_swedish_ci", 33: "utf8mb3_general_ci", 45: "utf8mb4_general_ci", 46: "utf8mb4_bin", 63: "binary",
		76: "utf8mb3_tolower_ci", 248: "gb18030_chinese_ci", 255: "utf8mb4_0900_ai_ci", 278: "utf8mb4_0900_as_cs",
		304: "utf8mb4_ja_0900_as_cs_ks", 309: "utf8mb4_0900_bin", 323: "utf8mb4_mn_cyrl_0900_as_cs", 245: "utf8mb4_croatian_ci",
		213: "utf8mb3_croatian_ci",
	} {
		if c, ok := CollationByID(id, MySQL); !ok || c.Name != name {
			t.Errorf("%d: %+v, want %s", id, c, name)
		}
		if c, ok := CollationByName(name, MySQL); !ok || c.ID != id {
			t.Errorf("%s: %+v, want %d", name, c, id)
		}
	}
	for _, id := range []uint16{272, 276, 295, 299, 301, 302, 324} {
		if c, ok := CollationByID(id, MySQL); ok {
			t.Errorf("%d is %s, a gap in MySQL's", id, c.Name)
		}
	}
	if c, ok := CollationByName("UTF8_General_CI", MySQL); !ok || c.ID != 33 || c.Name != "utf8mb3_general_ci" {
		t.Errorf("the old name: %+v", c)
	}
	if c, ok := CollationByName("utf8mb4_croatian_ci", MariaDB); !ok || c.ID != 608 {
		t.Errorf("MariaDB's croatian: %+v", c)
	}
	for _, name := range []string{"", "utf8mb4", "utf8mb4_uca1400_", "utf8mb4_uca1400_klingon_ai_ci", "latin1_uca1400_ai_ci", "utf8mb4_uca1400_-_ai_ci"} {
		if c, ok := CollationByName(name, MariaDB); ok {
			t.Errorf("%q is %+v", name, c)
		}
	}
}

func TestNoPad(t *testing.T) {
	for name, want := range map[string]bool{
		"utf8mb4_general_ci": false, "utf8mb4_general_nopad_ci": true, "utf8mb4_0900_ai_ci": true, "utf8mb4_nopad_bin": true,
		"utf8mb4_uca1400_ai_ci": false, "utf8mb4_uca1400_nopad_as_cs": true, "binary": true, "utf8mb4_bin": false,
	} {
		if c, _ := CollationByName(name, MariaDB); c.NoPad() != want || c.ID == 0 {
			t.Errorf("%s: %+v, %v", name, c, c.NoPad())
		}
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range charsets {
		d, ok := DefaultCollation(c.name)
		if !ok || d.ID != c.collation || d.Charset != c.name || d.MaxLen() != c.maxLen {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
	if d, ok := DefaultCollation("UTF8"); !ok || d.Charset != "utf8mb3" {
		t.Errorf("utf8: %+v", d)
	}
	if _, ok := DefaultCollation("nothing"); ok || CharsetMaxLen("nothing") != 0 {
		t.Error("an unknown character set is known")
	}
	for _, table := range [][]collationName{oldCollations[:], mysqlCollations[:], mariadbCollations[:]} {
		if !slices.IsSortedFunc(table, func(a, b collationName) int { return int(a.id) - int(b.id) }) {
			t.Error("a table is not sorted")
		}
	}
}

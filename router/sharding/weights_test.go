package sharding

import (
	_ "embed"
	"strings"
	"testing"
)

//go:embed testdata/weights.tsv
var weightsTSV string

// TestWeightTablesAreThoseOfTheServer compares each collation that uses a table with what the server said of it.
func TestWeightTablesAreThoseOfTheServer(t *testing.T) {
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimRight(weightsTSV, "\n"), "\n") {
		f := strings.Split(line, "\t")
		c, ok := collationOf(f[0])
		if !ok || c.ascii == nil {
			t.Errorf("%s has no table", f[0])
			continue
		}
		if f[2] != "0" {
			t.Errorf("%s: %s pairs weigh otherwise than their characters", f[0], f[2])
		}
		if c.padded == strings.Contains(f[0], "nopad") {
			t.Errorf("%s: padded is %v", f[0], c.padded)
		}
		if len(strings.Fields(f[1])) == 128 {
			want := parseWeights(f[1])
			for i := range want {
				if string(want[i]) != string(c.ascii[i]) {
					t.Errorf("%s: character %d weighs %x, the server says %x", f[0], i, c.ascii[i], want[i])
				}
			}
		} else {
			t.Errorf("%s: the golden has %d weights", f[0], len(strings.Fields(f[1])))
		}
		seen[strings.Replace(f[0], "_nopad", "", 1)] = true
	}
	for name := range weightTables {
		if !seen[name] {
			t.Errorf("the golden lacks %s", name)
		}
	}
}

func TestCharsetOfID(t *testing.T) {
	for id, want := range map[uint16]string{8: "latin1", 28: "gbk", 33: "utf8mb3", 45: "utf8mb4", 63: "binary", 255: "utf8mb4", 309: "utf8mb4",
		1024 + 46: "utf8mb4", 2048: "utf8mb3", 2304: "utf8mb4", 2816: "utf16"} {
		if got, ok := charsetOfID(id); !ok || got != want {
			t.Errorf("%d is %s %v, want %s", id, got, ok, want)
		}
	}
	if _, ok := charsetOfID(5000); ok {
		t.Error("5000 is known")
	}
}

func TestCollationOf(t *testing.T) {
	for name, want := range map[string]bool{"utf8mb4_0900_ai_ci": true, "utf8mb4_0900_as_cs": true, "utf8_general_ci": true, "utf8mb4_uca1400_as_cs": false,
		"utf8mb4_uca1400_nopad_as_cs": true, "latin2_czech_cs": false, "binary": false, "": false, "utf8mb4_czech_ci": true} {
		if _, ok := collationOf(name); ok != want {
			t.Errorf("collationOf(%q) is %v", name, ok)
		}
	}
	if c, _ := collationOf("utf8mb4_0900_ai_ci"); c.padded || c.ascii != nil {
		t.Errorf("0900: %+v", c)
	}
}

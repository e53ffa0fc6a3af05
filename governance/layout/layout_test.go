package layout

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestNamesInKeys(t *testing.T) {
	for _, name := range []string{"shop", "a/b", "ünïcode", "100%", "", "..", "v/1", "a b\x00", "%2F"} {
		d := Document{Rules, name}
		if strings.Count(d.Active(), "/") != 2 {
			t.Errorf("%q makes the key %q", name, d.Active())
		}
		for _, key := range []string{d.Active(), d.Prepare()} {
			if got, ok := NameIn(Rules, key); !ok || got != name {
				t.Errorf("%q came back as %q, %v", name, got, ok)
			}
		}
		for _, key := range []string{d.Ack("id", name), d.Version(1), d.Latest(), (Document{Users, name}).Active()} {
			if got, ok := NameIn(Rules, key); ok {
				t.Errorf("%s names %q", key, got)
			}
		}
		if got, err := InstanceName(d.Ack("id", name)); err != nil || got != name {
			t.Errorf("instance %q came back as %q, %v", name, got, err)
		}
	}
	for _, bad := range []string{"%", "%2", "%zz"} {
		if got, err := unescape(bad); err == nil {
			t.Errorf("%q is accepted as %q", bad, got)
		}
	}
	if a, b := (Document{Rules, "a"}).Version(9), (Document{Rules, "a"}).Version(10); a >= b {
		t.Errorf("%s does not sort before %s", a, b)
	}
}

func TestVersionRecord(t *testing.T) {
	v := Version{Number: 3, Author: "ann", Time: time.Unix(1, 0).UTC(), Text: "tables: {a: \"<b>\"}\n"}
	data, err := v.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeVersion(data)
	v.Checksum = Checksum([]byte(v.Text))
	if err != nil || got != v {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"truncated": string(data[:len(data)/2]),
		"changed":   strings.Replace(string(data), "tables", "tablet", 1),
		"no number": `{"document":""}`,
	} {
		if _, err := DecodeVersion([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, text := range map[string]string{"large": strings.Repeat("a", MaxDocument+1), "binary": "\xff"} {
		if _, err := (Version{Number: 1, Text: text}).Encode(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A document that is too long to be readable in the store is packed there, and comes back as it was.
func TestLongVersionsArePacked(t *testing.T) {
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "  a_table_of_the_shop_%d: {key: customer_id, algorithm: hash_mod, nodes: [\"ds_${0..7}.a_table_of_the_shop_%d_${0..15}\"]}\n", i, i)
	}
	v := Version{Number: 3, Author: "ann", Time: time.Unix(1, 0).UTC(), Text: text.String()}
	data, err := v.Encode()
	if err != nil || len(data) > len(v.Text)/5 {
		t.Fatalf("%d bytes became %d: %v", len(v.Text), len(data), err)
	}
	got, err := DecodeVersion(data)
	v.Checksum = Checksum([]byte(v.Text))
	if err != nil || got != v {
		t.Fatalf("it came back with %d bytes: %v", len(got.Text), err)
	}
	t.Logf("10,000 tables: a document of %d bytes, a record of %d", len(v.Text), len(data))
	if _, err := DecodeVersion([]byte(strings.Replace(string(data), `"document_gzip":"H4sI`, `"document_gzip":"H4sA`, 1))); err == nil {
		t.Error("a packed document that is damaged was accepted")
	}
	random := make([]byte, 2<<20)
	for i := range random {
		random[i] = ' ' + byte(rand.IntN(90))
	}
	if _, err := (Version{Number: 1, Text: string(random)}).Encode(); err == nil || !strings.Contains(err.Error(), "makes a record") {
		t.Errorf("a document that cannot be packed: %v", err)
	}
}

func TestPointerSerialGrows(t *testing.T) {
	now := time.UnixMilli(1000)
	p := Pointer{}.Next(1, Applied, "ann", "", now)
	q := p.Next(2, Placed, "ann", "", now.Add(-time.Hour))
	if p.Serial != 1000 || q.Serial != 1001 || p.Placement != 0 || q.Placement != 1 {
		t.Fatalf("%+v then %+v", p, q)
	}
	data, err := q.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodePointer(data); err != nil || !got.Time.Equal(q.Time) || got.Serial != q.Serial {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "{}", `{"version":1}`, `{"serial":1}`} {
		if _, err := DecodePointer([]byte(bad)); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

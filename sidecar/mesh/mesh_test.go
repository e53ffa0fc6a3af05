package mesh

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
	"github.com/heddle-mesh/heddle/router/rule"
)

const shop = `# the shop
database: shop
data_sources: {ds_0: {address: "10.0.0.1:3306", user: u}, ds_1: {address: "10.0.0.2:3306", user: u}}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  orders: {key: user_id}
`

const crm = `database: crm
data_sources: {ds_0: {address: "10.0.0.1:3306", user: u}}
`

const plain = `data_sources: {main: {address: "10.0.0.9:3306", user: u}}
`

const users = `users: {root: {}}
`

func TestSplit(t *testing.T) {
	parts, err := Split([]byte("---\n" + users + "--- # next\n" + shop + "---\t\n" + plain + "---\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range parts {
		got = append(got, p.Document.String())
	}
	if want := []string{"rules/shop", "rules/*", "users/mesh"}; !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	if text := string(parts[0].Text); text != "# next\n"+shop {
		t.Errorf("the author's text became\n%s", text)
	}
	_, err = Split([]byte(users + "---\n" + shop + "  items: {kye: 1}\n"))
	var problems rule.Problems
	if !errors.As(err, &problems) || problems[0].Line != 9 {
		t.Errorf("the line is not that of the file: %v", err)
	}
}

func TestPlacement(t *testing.T) {
	swapped := strings.NewReplacer("ds_0: 0-8191", "ds_1: 0-8191", "ds_1: 8192", "ds_0: 8192").Replace(shop)
	for _, c := range []struct {
		name, was, next string
		moved, risky    []string
	}{
		{"new document", "", shop, nil, nil},
		{"another address", shop, strings.ReplaceAll(shop, "10.0.0.2", "10.0.0.3"), nil, nil},
		{"a new table", shop, shop + "  items: {key: id}\n", []string{"items"}, nil},
		{"other slots", shop, swapped, []string{"orders"}, []string{"orders"}},
		{"another key", shop, strings.ReplaceAll(shop, "user_id", "id"), []string{"orders"}, []string{"orders"}},
		{"another default", shop, shop + "defaults: {data_source: ds_1}\n", []string{"*"}, []string{"*"}},
		{"dropped", shop, "", []string{"orders", "*"}, []string{"orders", "*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			moved, err := Placement([]byte(c.was), []byte(c.next))
			if err != nil || !slices.Equal(moved, c.moved) {
				t.Fatalf("%v, %v", moved, err)
			}
			if c.was == "" {
				return
			}
			before, err := LayoutOf([]byte(c.was))
			after := &rule.Layout{}
			if c.next != "" && err == nil {
				after, err = LayoutOf([]byte(c.next))
			}
			if err != nil {
				t.Fatal(err)
			}
			if risky, asked := RowsOf(before, after, moved); !slices.Equal(risky, c.risky) || (len(asked) > 0) != (len(risky) < len(moved)) {
				t.Errorf("%v, %v", risky, asked)
			}
		})
	}
}

func TestDocumentsAreValidatedTogether(t *testing.T) {
	a, err := NewAdmin(memstore.NewServer().Client(), "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	apply := func(name, text string, base int64) error {
		_, err := a.Rules.Apply(t.Context(), admin.Application{Name: name, Document: []byte(text), Author: "test", Base: base})
		return err
	}
	if err := errors.Join(apply("shop", shop, 0), apply("crm", crm, 0)); err != nil {
		t.Fatal(err)
	}
	elsewhere := strings.NewReplacer("10.0.0.1", "10.0.0.7")
	var invalid *admin.Invalid
	if err := apply("crm", elsewhere.Replace(crm), 1); !errors.As(err, &invalid) {
		t.Errorf("one name for two servers: %v", err)
	}
	for block, more := range map[string]string{"tls": "tls: {mode: verify_identity}", "pool": "pool: {max: 3}", "replicas": `replicas: ["10.0.0.8:3306"]`} {
		err := apply("crm", strings.Replace(crm, `{address: "10.0.0.1:3306"`, `{address: "10.0.0.1:3306", `+more, 1), 1)
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "another "+block+` in the document of database "crm" than in that of "shop"`) {
			t.Errorf("another %s: %v", block, err)
		}
	}
	if err := apply("crm", shop, 1); !errors.As(err, &invalid) {
		t.Errorf("the document of another database: %v", err)
	}
	a.Together([]Part{{layout.Document{Kind: layout.Rules, Name: "shop"}, []byte(elsewhere.Replace(shop))}})
	if err := apply("crm", elsewhere.Replace(crm), 1); err != nil {
		t.Errorf("as if both were in force: %v", err)
	}
}

// TestCanaryHasTheSameServers: instances that write to different servers for as long as a canary runs would lose rows.
func TestCanaryHasTheSameServers(t *testing.T) {
	for next, want := range map[string]string{
		strings.ReplaceAll(shop, "10.0.0.2", "10.0.0.3"):                                                        "data source ds_1 at 10.0.0.3:3306",
		strings.Replace(shop, "data_sources: {", `data_sources: {aa: {address: "10.0.0.9:3306", user: u}, `, 1): "data source aa at 10.0.0.9:3306",
		strings.Replace(shop, "user: u}}", "user: other, pool: {max: 3}}}", 1):                                  "",
	} {
		got, err := serversApart(t.Context(), "shop", []byte(shop), []byte(next))
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%v, %v, not %q", got, err, want)
		}
	}
	if got, err := serversApart(t.Context(), "shop", []byte(shop), []byte(strings.NewReplacer(`ds_0: {address: "10.0.0.1:3306", user: u}, `, "", "ds_0: 0-8191, ", "", "8192-", "0-").Replace(shop))); err != nil || strings.Join(got, ", ") != "no data source ds_0" {
		t.Errorf("%v, %v", got, err)
	}
}

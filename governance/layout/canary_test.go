package layout

import "testing"

func TestParseCanary(t *testing.T) {
	for text, covers := range map[string]bool{"instance=a": true, "instance=b,a": true, "instance=b": false, "zone=z1": true, "zone=z2": false,
		"label=tier:test": true, "label=tier:live": false, "label=none:": false, "share=100%": true} {
		c, err := ParseCanary(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		c.Draw([]string{"a"})
		if got := c.Covers("a", Labels("z1", map[string]string{"tier": "test"})); got != covers {
			t.Errorf("%s covers: %v", text, got)
		}
		if c.String() != text {
			t.Errorf("%s is written %s", text, &c)
		}
	}
	for _, text := range []string{"", "a", "instance=", "instance=a,", "share=0%", "share=101", "share=x", "label=tier", "colour=red"} {
		if c, err := ParseCanary(text); err == nil {
			t.Errorf("%q is read as %v", text, &c)
		}
	}
}

package layout

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Canary is a version that some instances run while the others run the one in force. Each instance decides by itself
// whether it is one of them, from the record alone and from what it is called, so that all agree and none has to ask. Exactly
// one of Instances, Label and Share is set.
type Canary struct {
	Version   int64     `json:"version"`
	Instances []string  `json:"instances,omitempty"` // by name
	Label     string    `json:"label,omitempty"`     // key=value; the zone is the label zone
	Share     int       `json:"share,omitempty"`     // percent of the instances, 1 … 100
	Bound     uint32    `json:"bound,omitempty"`     // of Share: those whose Weight is no higher
	By        string    `json:"by"`
	Time      time.Time `json:"time"`
	Comment   string    `json:"comment,omitempty"`
}

// ParseCanary reads instance=NAME[,NAME…], zone=NAME, label=KEY:VALUE or share=20%.
func ParseCanary(text string) (Canary, error) {
	key, value, _ := strings.Cut(text, "=")
	if value == "" {
		return Canary{}, badCanary(text)
	}
	switch key {
	case "instance":
		names := strings.Split(value, ",")
		if slices.Contains(names, "") {
			return Canary{}, badCanary(text)
		}
		return Canary{Instances: names}, nil
	case "zone":
		return Canary{Label: "zone=" + value}, nil
	case "label":
		if k, v, ok := strings.Cut(value, ":"); ok && k != "" {
			return Canary{Label: k + "=" + v}, nil
		}
	case "share":
		if n, err := strconv.Atoi(strings.TrimSuffix(value, "%")); err == nil && n >= 1 && n <= 100 {
			return Canary{Share: n}, nil
		}
	}
	return Canary{}, badCanary(text)
}

func badCanary(text string) error {
	return fmt.Errorf("a canary is instance=NAME, zone=NAME, label=KEY:VALUE or share=20%%, not %q", text)
}

// String says which instances are meant, as ParseCanary reads it.
func (c *Canary) String() string {
	switch {
	case len(c.Instances) > 0:
		return "instance=" + strings.Join(c.Instances, ",")
	case c.Share > 0:
		return fmt.Sprintf("share=%d%%", c.Share)
	}
	if zone, ok := strings.CutPrefix(c.Label, "zone="); ok {
		return "zone=" + zone
	}
	return "label=" + strings.Replace(c.Label, "=", ":", 1)
}

// Weight orders instances for a share: another order for each version, so that it is not always the same ones.
func (c *Canary) Weight(instance string) uint32 {
	return crc32.ChecksumIEEE(fmt.Appendf(nil, "%d/%s", c.Version, instance))
}

// Covers reports whether an instance runs the canary.
func (c *Canary) Covers(instance string, labels map[string]string) bool {
	switch {
	case len(c.Instances) > 0:
		return slices.Contains(c.Instances, instance)
	case c.Share > 0:
		return c.Weight(instance) <= c.Bound
	}
	key, value, ok := strings.Cut(c.Label, "=")
	has, labelled := labels[key]
	return ok && labelled && has == value
}

// Draw sets the bound of a share so that of the instances that live now so many run the canary as the share says, and one
// at least. Instances that come later are drawn by the same bound.
func (c *Canary) Draw(instances []string) {
	if c.Share == 0 || len(instances) == 0 {
		return
	}
	weights := make([]uint32, len(instances))
	for i, name := range instances {
		weights[i] = c.Weight(name)
	}
	slices.Sort(weights)
	n := max(1, (len(weights)*c.Share+50)/100)
	c.Bound = weights[n-1]
}

// Labels are what an instance is chosen by: its labels, and its zone as the label zone.
func Labels(zone string, labels map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		out[k] = v
	}
	if zone != "" {
		out["zone"] = zone
	}
	return out
}

package route

import "strings"

// Colour is what a route makes of calls that have none.
type Colour struct {
	Name    string   `yaml:"name"`
	Percent *float64 `yaml:"percent"` // of the calls, by chance; nil: 100
}

// ColourSet are the characters of colours.
const ColourSet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// Dyed says by chance whether a call without a colour gets the route's.
func (r *Route) Dyed() bool { return r.Colour != nil && falls(r.Colour.Percent) }

func (c *checker) colour(at string, r *Rule) {
	if r.Colour == nil {
		return
	}
	at += ".colour"
	if r.To == nil {
		c.problem(at, "colours are of calls to a cluster")
	}
	if name := r.Colour.Name; name == "" || len(name) > 64 || strings.Trim(name, ColourSet) != "" {
		c.problem(at+".name", "the name of a colour has 1 to 64 letters, figures, - _ and ., not %q", name)
	}
	c.share(at, r.Colour.Percent)
}

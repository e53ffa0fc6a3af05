package dubbo_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo/dubbotest"
)

func question() dubbotest.Call {
	return dubbotest.Call{ID: 0xfedcba9876543210, Path: "com.shop.Stock", Version: "1.0.0", Method: "ask", Types: "Ljava/lang/String;I", Arguments: []byte("\x04what\x97"),
		Attachments: dubbotest.Map("path", "com.shop.Stock", "interface", "com.shop.Stock", "version", "1.0.0", "timeout", "3000")}
}

// frames are of all forms that there are.
func frames() map[string][]byte {
	call := question()
	oneway := question()
	oneway.Oneway = true
	return map[string][]byte{
		"request":   call.Append(nil),
		"oneway":    oneway.Append(nil),
		"answer":    dubbotest.Frame(nil, dubbo.Hessian2, dubbo.OK, 7, []byte("\x94\x02ok")),
		"failure":   dubbo.AppendFailure(nil, 7, dubbo.ServerTimeout, "late"),
		"heartbeat": dubbo.AppendHeartbeat(nil, 9),
		"beat":      dubbo.Frame(dubbo.AppendHeartbeat(nil, 9)).AppendBeat(nil),
		"read only": dubbo.AppendReadOnly(nil),
	}
}

func TestFrames(t *testing.T) {
	for name, b := range frames() {
		for n := range b {
			if f, size, err := dubbo.Split(b[:n], 1000); f != nil || err != nil || size <= n || size > len(b) {
				t.Fatalf("%s: %d bytes of %d: %d, %v", name, n, len(b), size, err)
			}
		}
		f, size, err := dubbo.Split(append(b[:len(b):len(b)], "more"...), 1000)
		if err != nil || size != len(b) || !bytes.Equal(f, b) {
			t.Fatalf("%s: %d bytes of %d, %v", name, size, len(b), err)
		}
		asked := name == "request" || name == "oneway" || name == "heartbeat" || name == "read only"
		event := name == "heartbeat" || name == "beat" || name == "read only"
		if f.Request() != asked || f.TwoWay() != (name == "request" || name == "heartbeat") || f.Event() != event || f.ReadOnly() != (name == "read only") || f.Serialization() != dubbo.Hessian2 {
			t.Errorf("%s: read as % x", name, f)
		}
		if f.SetID(77); f.ID() != 77 || f[11] != 77 {
			t.Errorf("%s: its number is %d", name, f.ID())
		}
	}
	want := "\xda\xbb\x02\x1f\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x05\x04late"
	if got := dubbo.AppendFailure(nil, 7, dubbo.ServerTimeout, "late"); string(got) != want {
		t.Errorf("a failure is % x", got)
	}
	if got := frames()["beat"]; string(got) != "\xda\xbb\x22\x14\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x01N" {
		t.Errorf("a heartbeat is answered % x", got)
	}
	if got := dubbo.Frame(dubbotest.Frame(nil, 0xe2, 0, 1, make([]byte, 100))).AppendBeat(nil); got != nil {
		t.Errorf("a long event is answered % x", got)
	}
}

func TestNoFrames(t *testing.T) {
	good := question().Append(nil)
	for _, text := range []string{"G", "\xda\xbc", "\xda\xda\xbb"} {
		if _, _, err := dubbo.Split([]byte(text), 1000); err == nil || !strings.Contains(err.Error(), "is no frame") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, length := range []string{"\xff\xff\xff\xff", "\x7f\xff\xff\xff", "\x00\x00\x10\x00"} {
		if _, _, err := dubbo.Split(append(good[:12:12], length...), 1000); err == nil || !strings.Contains(err.Error(), "longer") {
			t.Errorf("% x: %v", length, err)
		}
	}
	if _, _, err := dubbo.Split(good, len(good)-1); err == nil {
		t.Error("a frame may be longer than it may be")
	}
	if _, _, err := dubbo.Split(good, len(good)); err != nil {
		t.Error(err)
	}
}

// All that Hessian 2 can write is passed over as an argument; each value ends where it does.
func TestArguments(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for what, value := range map[string]string{
		"null": "N", "truths": "T", "a lie": "F", "a small int": "\x90", "ints": "\xc8\x30", "more ints": "\xd4\x10\x20", "an int": "I\x01\x02\x03\x04",
		"a small long": "\xe0", "longs": "\xf8\x01", "more longs": "\x3c\x01\x02", "a long of 32 bits": "Y\x01\x02\x03\x04", "a long": "L\x01\x02\x03\x04\x05\x06\x07\x08",
		"0.0": "\x5b", "1.0": "\x5c", "a double of a byte": "\x5d\x01", "a double of a short": "\x5e\x01\x02", "a double of an int": "\x5f\x01\x02\x03\x04", "a double": "D\x01\x02\x03\x04\x05\x06\x07\x08",
		"a date": "J\x01\x02\x03\x04\x05\x06\x07\x08", "a date of minutes": "K\x01\x02\x03\x04",
		"no text": "\x00", "a text": "\x05hello", "a longer text": "\x33\xe8" + long, "a text of 16 bits": "S\x03\xe8" + long, "a text in parts": "R\x00\x02abR\x00\x00\x01c", "a text in parts to its end": "R\x00\x02abS\x00\x01c",
		"other letters": "\x03ä€x", "two halves": "\x02\xed\xa0\xbd\xed\xb8\x80",
		"no bytes": "\x20", "bytes": "\x23ZZZ", "more bytes": "\x37\xe8" + long, "bytes of 16 bits": "B\x03\xe8" + long, "bytes in parts": "A\x00\x02ZZA\x00\x01Z\x21Z", "bytes in parts to their end": "A\x00\x02ZZB\x00\x01Z",
		"a list to its end": "U\x05[listN\x90Z", "a list of a length": "V\x05[list\x92NN", "a list without a class to its end": "WN\x90Z", "a list without a class": "X\x92NN",
		"a short list": "\x72\x05[listNN", "a short list without a class": "\x7aN\x90", "a list of the class before": "\x7a\x71\x05[listN\x71\x90T",
		"a map": "H\x01aN\x90\x91Z", "a map of a class": "M\x09java.util\x01aNZ", "a map of the class before": "\x7aM\x01mZM\x90Z",
		"an object": "C\x08shop.Car\x92\x05color\x05model\x60\x03red\x90", "an object by its number": "C\x08shop.Car\x91\x05colorO\x90\x03red", "two objects": "\x7aC\x01A\x91\x01a\x60N\x60T",
		"objects in one another": "C\x01A\x91\x01a\x60C\x01B\x92\x01a\x01b\x61\x60N\x51\x90", "a reference": "\x7aHZ\x51\x91",
		"a deep list": strings.Repeat("\x79", 500) + "N",
	} {
		call := question()
		call.Types, call.Arguments = "Lx;I", []byte(value+"\x97")
		f := dubbo.Frame(call.Append(nil))
		var c dubbo.Call
		if err := c.Read(f); err != nil || !c.Known || len(c.Pairs) != 4 || string(c.Pairs[3].Value) != "3000" {
			t.Errorf("%s: %v, %t, %q", what, err, c.Known, c.Pairs)
		}
		for n := 1; n < len(value); n++ { // no part of it is one
			call.Arguments, call.Attachments = []byte(value[:n]), []byte{}
			if err := c.Read(dubbo.Frame(call.Append(nil))); err != nil || c.Known {
				t.Errorf("%s: %d bytes of it: %v, %q", what, n, err, c.Pairs)
			}
		}
	}
}

// What cannot be passed over makes the attachments unknown, and is no error.
func TestUnknownAttachments(t *testing.T) {
	for what, change := range map[string]func(*dubbotest.Call){
		"a reserved tag":            func(c *dubbotest.Call) { c.Arguments = []byte("\x40\x97") },
		"an end":                    func(c *dubbotest.Call) { c.Arguments = []byte("Z\x97") },
		"a class that is not there": func(c *dubbotest.Call) { c.Arguments = []byte("\x60\x97") },
		"a length below 0":          func(c *dubbotest.Call) { c.Arguments = []byte("X\x8f\x97") },
		"a length that is too long": func(c *dubbotest.Call) { c.Arguments = []byte("XI\x7f\xff\xff\xff\x97") },
		"a length that is a long":   func(c *dubbotest.Call) { c.Arguments = []byte("X\xe0\x97") },
		"too deep":                  func(c *dubbotest.Call) { c.Arguments = []byte(strings.Repeat("\x79", 600) + "N\x97") },
		"a class without a name":    func(c *dubbotest.Call) { c.Arguments = []byte("CN\x90\x60\x97") },
		"too many classes":          func(c *dubbotest.Call) { c.Arguments = []byte(strings.Repeat("C\x00\x90", 5000) + "N\x97") },
		"no text":                   func(c *dubbotest.Call) { c.Arguments = []byte("\x01\xff\x97") },
		"one type more":             func(c *dubbotest.Call) { c.Types += "I" },
		"one type less":             func(c *dubbotest.Call) { c.Types = "I" },
		"types that are none":       func(c *dubbotest.Call) { c.Types = "I I" },
		"a class without an end":    func(c *dubbotest.Call) { c.Types = "ILjava/lang" },
		"dimensions of nothing":     func(c *dubbotest.Call) { c.Types = "I[[" },
		"no attachments":            func(c *dubbotest.Call) { c.Attachments = []byte{} },
		"attachments that are none": func(c *dubbotest.Call) { c.Attachments = []byte("\x90") },
		"a reference to some":       func(c *dubbotest.Call) { c.Attachments = []byte("\x51\x90") },
		"more behind them":          func(c *dubbotest.Call) { c.Attachments = append(c.Attachments, 0) },
		"no end":                    func(c *dubbotest.Call) { c.Attachments = c.Attachments[:len(c.Attachments)-1] },
		"a key without a value":     func(c *dubbotest.Call) { c.Attachments = []byte("H\x01aZ") },
	} {
		call := question()
		change(&call)
		var c dubbo.Call
		if err := c.Read(dubbo.Frame(call.Append(nil))); err != nil || c.Known || len(c.Pairs) > 0 {
			t.Errorf("%s: %v, %q", what, err, c.Pairs)
		}
		if string(c.Path) != "com.shop.Stock" || string(c.Version) != "1.0.0" || string(c.Method) != "ask" {
			t.Errorf("%s: %s %s %s", what, c.Path, c.Version, c.Method)
		}
	}
}

func TestNoCalls(t *testing.T) {
	good := dubbo.Frame(question().Append(nil))
	for what, f := range map[string]dubbo.Frame{
		"serialization 6":                   dubbotest.Frame(nil, 0xc0|6, 0, 1, good.Body()),
		"the version of Dubbo":              dubbotest.Frame(nil, 0xc2, 0, 1, nil),
		"the path of a request":             dubbotest.Frame(nil, 0xc2, 0, 1, []byte("\x00\x90")),
		"the method of a request":           dubbotest.Frame(nil, 0xc2, 0, 1, []byte("NNN\x05abc")),
		"the types of the parameters of a ": dubbotest.Frame(nil, 0xc2, 0, 1, []byte("NNNN")),
	} {
		var c dubbo.Call
		if err := c.Read(f); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A service is found by what a server has in its map at last, however that is spelled.
func TestTarget(t *testing.T) {
	for _, c := range []struct{ attachments, want string }{
		{"N", "com.shop.Stock 1.0.0 "},
		{"HZ", "com.shop.Stock 1.0.0 "},
		{"H\x04path\x01x\x07version\x012\x05group\x01gZ", "x 2 g"},
		{"M\x01m\x04path\x01x\x04path\x01yZ", "y 1.0.0 "},
		{"H\x04path\x01x\x04pathN\x07versionNZ", "  "},
		{"H\x07version\x050.0.0Z", "com.shop.Stock  "},
		{"H\x04Path\x01xZ", "com.shop.Stock 1.0.0 "},
		{"HR\x00\x02pa\x02th\x01xZ", "x 1.0.0 "},
		{"H\x04\xc1\xb0a\xe0\x81\xb4h\x01xZ", "x 1.0.0 "},
		{"H\x90\x01x\x90\x04path\x04path\x01zZ", "z 1.0.0 "},
		{"H\x04path\x90Z", "the attachment path is no text"},
		{"H\x05groupHZZ", "the attachment group is no text"},
	} {
		call := question()
		call.Attachments = []byte(c.attachments)
		var read dubbo.Call
		if err := read.Read(dubbo.Frame(call.Append(nil))); err != nil || !read.Known {
			t.Errorf("%q: %v, %t", c.attachments, err, read.Known)
		}
		path, version, group, err := read.Target()
		got := string(path) + " " + string(version) + " " + string(group)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %q", c.attachments, got)
		}
	}
}

func TestAttachments(t *testing.T) {
	call := question()
	call.Attachments = []byte("H\x01s\x02\xc3\xa4x\x01i\xd4\x10\x00\x01l\xe5\x01n\x4e\x01t\x54\x01f\x46\x01o\x48\x01a\x01bZ\x90\x01kZ")
	var c dubbo.Call
	f := dubbo.Frame(call.Append(nil))
	if err := c.Read(f); err != nil || !c.Known {
		t.Fatal(err, c.Known)
	}
	var got []string
	for i, p := range c.Pairs {
		got = append(got, string(p.Key)+"="+string(p.Value))
		if c.Int(i) != (string(p.Key) == "i") {
			t.Errorf("%s is an int, or is none", p.Key)
		}
	}
	if text := strings.Join(got, " "); text != "s=äx i=4096 l=5 n= t=true f=false o= =" || c.Pairs[3].Value != nil || c.Pairs[6].Value != nil {
		t.Errorf("%q", text)
	}
	for i := range c.Pairs {
		err := c.Drop(i)
		if stays := i >= 6; (err != nil) != stays {
			t.Errorf("%q: %v", c.Pairs[i].Key, err)
		}
	}
	more := dubbo.AppendIntPair(dubbo.AppendPair(nil, "traceparent", strings.Repeat("00-ä😀", 10)), "_TO", 77)
	out := c.AppendWith([]byte("x"), f, more)[1:]
	want := call
	want.Attachments = append([]byte("H\x01o\x48\x01a\x01bZ\x90\x01k"), append(more, 'Z')...)
	if !bytes.Equal(out, want.Append(nil)) {
		t.Errorf("% x\nis not\n% x", out, want.Append(nil))
	}
	if again := c.AppendWith(nil, f, nil); !bytes.Equal(again, f) {
		t.Errorf("with nothing changed: % x", again)
	}
	if err := c.Read(out); err != nil || !c.Known || string(c.Pairs[2].Value) != strings.Repeat("00-ä😀", 10) || string(c.Pairs[3].Value) != "77" {
		t.Errorf("%v, %q", err, c.Pairs)
	}
	call.Attachments = nil
	f = call.Append(nil)
	if err := c.Read(f); err != nil || !c.Known {
		t.Fatal(err)
	}
	if err := c.Read(c.AppendWith(nil, f, more)); err != nil || len(c.Pairs) != 2 {
		t.Errorf("in place of a null: %v, %q", err, c.Pairs)
	}
}

// Numbers of all lengths are written as they are read, and long texts too.
func TestWritten(t *testing.T) {
	call := question()
	call.Attachments = nil
	f := dubbo.Frame(call.Append(nil))
	var c dubbo.Call
	for _, v := range []int32{0, -1, 47, 48, -16, -17, 2047, 2048, -2048, -2049, 262143, 262144, -262144, -262145, 1<<31 - 1, -1 << 31} {
		if err := c.Read(f); err != nil {
			t.Fatal(err)
		}
		out := c.AppendWith(nil, f, dubbo.AppendIntPair(nil, "n", v))
		if err := c.Read(out); err != nil || !c.Known || !c.Int(0) {
			t.Fatalf("%d: %v, %t", v, err, c.Known)
		}
		if got := string(c.Pairs[0].Value); got != strconv.Itoa(int(v)) {
			t.Errorf("%d is read as %s", v, got)
		}
	}
	for _, n := range []int{0, 31, 32, 1023, 1024, 32767, 32768, 32769, 70000} {
		text := strings.Repeat("x", max(n-2, 0)) + "😀"
		if err := c.Read(f); err != nil {
			t.Fatal(err)
		}
		if err := c.Read(c.AppendWith(nil, f, dubbo.AppendPair(nil, "t", text))); err != nil || !c.Known || string(c.Pairs[0].Value) != text {
			t.Errorf("a text of %d: %v, %t", n, err, c.Known)
		}
	}
}

// FuzzSplit: what is taken for a frame is as long as it says, and can be answered.
func FuzzSplit(f *testing.F) {
	for _, b := range frames() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		frame, size, err := dubbo.Split(b, limit)
		if err != nil || frame == nil {
			if err != nil && frame != nil || err == nil && (size <= len(b) || size > limit) {
				t.Fatalf("%d bytes are too few for one of %d, %v", len(b), size, err)
			}
			return
		}
		if len(frame) != size || size > limit || len(frame.Body())+16 != size {
			t.Fatalf("%d bytes of %d", len(frame), size)
		}
		frame.SetID(7)
		if answer := frame.AppendBeat(nil); answer != nil {
			if a, _, err := dubbo.Split(answer, limit); err != nil || a.ID() != 7 || a.Request() || !a.Event() || a.Status() != dubbo.OK {
				t.Fatalf("its answer: % x, %v", answer, err)
			}
		}
		frame.ReadOnly()
	})
}

// FuzzCall: what is read of a request is there again, and its arguments are the same bytes, after attachments were taken away and others added.
func FuzzCall(f *testing.F) {
	call := question()
	for _, attachments := range [][]byte{call.Attachments, nil, []byte("M\x01mC\x01A\x91\x01a\x01o\x60\x90\x01r\x51\x91\x01iI\x00\x00\x10\x00Z")} {
		call.Attachments = attachments
		f.Add(dubbo.Frame(call.Append(nil)).Body())
	}
	call.Types, call.Arguments = "Lx;[[Ly;", []byte("C\x01A\x92\x01a\x01b\x60\x7aHZ\x51\x90S\x00\x01x\x72\x01[NN")
	f.Add(dubbo.Frame(call.Append(nil)).Body())
	f.Fuzz(func(t *testing.T, body []byte) {
		frame := dubbo.Frame(dubbotest.Frame(nil, 0xc2, 0, 1, body))
		var c, again dubbo.Call
		if c.Read(frame) != nil || !c.Known {
			return
		}
		_, _, _, targetErr := c.Target()
		var kept []string
		for i := range c.Pairs {
			if c.Drop(i) != nil {
				kept = append(kept, string(c.Pairs[i].Key))
			}
		}
		out := c.AppendWith(nil, frame, dubbo.AppendPair(nil, "k", "v"))
		if size := len(out); size > len(frame)+len("\x01k\x01v")+1 {
			t.Fatalf("%d bytes of %d", size, len(frame))
		}
		if err := again.Read(out); err != nil || !again.Known || len(again.Pairs) != len(kept)+1 || string(again.Pairs[len(kept)].Value) != "v" {
			t.Fatalf("read again: %v, %t, %q, not %q", err, again.Known, again.Pairs, kept)
		}
		for i, key := range kept {
			if string(again.Pairs[i].Key) != key {
				t.Fatalf("%q, not %q", again.Pairs, kept)
			}
		}
		if !bytes.Equal(c.Path, again.Path) || !bytes.Equal(c.Version, again.Version) || !bytes.Equal(c.Method, again.Method) {
			t.Fatal("another is called")
		}
		if _, _, _, err := again.Target(); err != nil && targetErr == nil {
			t.Fatal(err)
		}
	})
}

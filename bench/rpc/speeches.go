package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/goccy/go-yaml"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo/dubbotest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux/muxtest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// framedBytes is what is asked, and answered, behind what a protocol needs.
const framedBytes = 100

// speech is a protocol of frames as this program speaks it.
type speech struct {
	name, routes string // as tables and routes have it
	origin       string // the role that answers requests with what they say
	split        mux.Split[[]byte]
	ask          func(out []byte, id uint64) []byte
	answered     func(f []byte) (id uint64, ok bool)
}

// speeches are all, in the order in which they are measured.
func speeches() []*speech { return []*speech{ofBolt(), ofDubbo(), ofStock()} }

const framedRoutes = "clusters: {stock: {protocol: %s, endpoints: [%%q]}}\nroutes: [{path: {exact: /com.shop.Stock/ask}, to: stock}]\n"

// listening is a role that serves on a listener until that fails.
func listening(serve func(net.Listener)) func(listen, to string) error {
	return func(listen, _ string) error {
		l, err := net.Listen("tcp", listen)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		serve(l)
		return errors.New("the origin has ended")
	}
}

func serveBoltOrigin(l net.Listener) { bolttest.Serve(l, bolttest.Echo) }

func ofBolt() *speech {
	return &speech{
		name: "Bolt", routes: fmt.Sprintf(framedRoutes, "bolt"), origin: "boltorigin",
		split: func(b []byte, limit int) ([]byte, int, error) { f, n, err := bolt.Split(b, limit); return f, n, err },
		ask: func(out []byte, id uint64) []byte {
			return bolttest.Message{Type: bolt.Request, ID: uint32(id), Timeout: 3000, Class: "com.shop.Ask",
				Header:  bolttest.Map("sofa_head_target_service", "com.shop.Stock", "sofa_head_method_name", "ask", "sofa_head_target_app", "shop"),
				Content: make([]byte, framedBytes)}.Append(out)
		},
		answered: func(b []byte) (uint64, bool) {
			f := bolt.Frame(b)
			return uint64(f.ID()), f.Type() == bolt.Answer && f.Status() == bolt.Success && len(f.Content()) == framedBytes
		},
	}
}

func serveDubboOrigin(l net.Listener) { dubbotest.Serve(l, dubbotest.Echo) }

func ofDubbo() *speech {
	return &speech{
		name: "Dubbo", routes: fmt.Sprintf(framedRoutes, "dubbo"), origin: "dubboorigin",
		split: func(b []byte, limit int) ([]byte, int, error) { f, n, err := dubbo.Split(b, limit); return f, n, err },
		ask: func(out []byte, id uint64) []byte {
			return dubbotest.Call{ID: id, Path: "com.shop.Stock", Version: "1.0.0", Method: "ask", Types: "[B", Arguments: append([]byte{'B', 0, framedBytes}, make([]byte, framedBytes)...),
				Attachments: dubbotest.Map("path", "com.shop.Stock", "interface", "com.shop.Stock", "timeout", "3000")}.Append(out)
		},
		answered: func(b []byte) (uint64, bool) {
			f := dubbo.Frame(b)
			return f.ID(), !f.Request() && !f.Event() && f.Status() == dubbo.OK && len(f.Body()) > framedBytes
		},
	}
}

// described is a protocol that is none but here.
const described = `protocols:
  x-stock:
    magic: "ca fe"
    head: 24
    parts: [meta, body]
    lengths: [{at: 12, width: 4, of: meta}, {at: 16, width: 4, of: body}]
    id: {at: 4, width: 8}
    kind: {at: 2, width: 1, request: [1], answer: [2]}
    status: {at: 3, width: 1, failed: 1}
    deadline: {at: 20, width: 4}
    metadata: {part: meta, key: 2, value: 2, service: service, method: method}
`

// stock is it as Go has it.
func stock() *xprotocol.Protocol {
	var d struct{ Protocols map[string]xprotocol.Rule }
	if err := yaml.UnmarshalWithOptions([]byte(described), &d, yaml.Strict()); err != nil {
		panic(err) // it stands above
	}
	p, problems := xprotocol.Compile("x-stock", d.Protocols["x-stock"])
	if p == nil {
		panic(problems)
	}
	return p
}

func serveStockOrigin(l net.Listener) {
	muxtest.Serve(l, stock().Split, func(out []byte, f []byte) []byte {
		from := len(out)
		out = append(out, f...)
		out[from+2] = 2
		return out
	})
}

func ofStock() *speech {
	p := stock()
	head := append([]byte("\xca\xfe\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x64\x00\x00\x0b\xb8"), make([]byte, framedBytes)...)
	w := p.Write(nil)
	for _, pair := range [][2]string{{"service", "com.shop.Stock"}, {"method", "ask"}, {"app", "shop"}} {
		w.Add([]byte(pair[0]), []byte(pair[1]))
	}
	question, err := w.AppendTo(nil, head)
	if err != nil {
		panic(err) // it stands above
	}
	return &speech{
		name: "x-stock (described)", routes: described + fmt.Sprintf(framedRoutes, "x-stock"), origin: "stockorigin", split: p.Split,
		ask: func(out []byte, id uint64) []byte {
			from := len(out)
			out = append(out, question...)
			p.SetID(out[from:], id)
			return out
		},
		answered: func(f []byte) (uint64, bool) {
			return p.ID(f), p.Kind(f) == xprotocol.Answer && f[3] == 0 && len(f) == len(question)
		},
	}
}

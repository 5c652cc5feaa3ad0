package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// maxConfigFile bounds the file: 1,000 channels take 300 KiB.
	maxConfigFile = 4 << 20
	channelsKey   = "channels"
)

// file reads the configuration file, if there is one.
func (l *loader) file() (map[string]value, map[string]any) {
	name := l.src.File
	if name == "" {
		name = l.env[envConfig]
	}
	if name == "" || l.src.NoFile {
		return nil, nil
	}
	root, err := readYAML(name)
	if err != nil {
		l.faults = append(l.faults, err)
		return nil, nil
	}
	f := fileReader{l: l, name: filepath.Base(name), values: map[string]value{}}
	if root != nil {
		f.section(root, "")
	}
	if f.channels == nil {
		return f.values, nil
	}
	return f.values, map[string]any{channelsKey: f.channels}
}

// readYAML returns the top node of a file, nil for an empty one.
func readYAML(name string) (*yaml.Node, error) {
	info, err := os.Stat(name)
	if err == nil && info.Size() > maxConfigFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxConfigFile)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return parseYAML(filepath.Base(name), data)
}

func parseYAML(name string, data []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: not a list of keys and values", name)
	}
	return doc.Content[0], nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// fileReader takes the values out of the nodes of a file. It reads every
// scalar as the text that stands there, so that a secret of digits alone stays
// what it is and a duration needs its unit.
type fileReader struct {
	l        *loader
	name     string
	values   map[string]value
	channels []any // of map[string]any; nil when the file has none
}

func (f *fileReader) where(n *yaml.Node) string { return fmt.Sprintf("%s:%d", f.name, n.Line) }

func (f *fileReader) fault(n *yaml.Node, format string, args ...any) {
	f.l.fault(f.where(n), format, args...)
}

// pairs calls fn with the keys and values of a mapping. A key that stands
// there twice is a fault.
func (f *fileReader) pairs(mapping *yaml.Node, fn func(key string, k, v *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		k, v := mapping.Content[i], mapping.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode || v.Kind == yaml.AliasNode || k.ShortTag() == "!!merge":
			f.fault(k, "anchors, aliases and keys of several values are not read here; write it out")
		case seen[k.Value]:
			f.fault(k, "%s: it stands here twice", k.Value)
		default:
			seen[k.Value] = true
			fn(k.Value, k, v)
		}
	}
}

// section reads a mapping whose keys begin with prefix.
func (f *fileReader) section(mapping *yaml.Node, prefix string) {
	f.pairs(mapping, func(name string, k, v *yaml.Node) {
		key := prefix + name
		_, known := f.l.settings[key]
		switch {
		case key == channelsKey:
			f.channelList(v)
		case f.isSection(key) && v.Kind == yaml.MappingNode:
			f.section(v, key+".")
		case f.isSection(key) && isNull(v), known && isNull(v):
		case f.isSection(key):
			f.fault(k, "%s: it holds keys, not a value", key)
		case !known:
			f.fault(k, "%s: unknown key%s", key, suggest(key, f.knownKeys()))
		case v.Kind != yaml.ScalarNode:
			f.fault(k, "%s: it wants one value", key)
		default:
			f.values[key] = value{v.Value, f.where(k)}
		}
	})
}

func (f *fileReader) isSection(key string) bool {
	for known := range f.l.settings {
		if strings.HasPrefix(known, key+".") {
			return true
		}
	}
	return false
}

func (f *fileReader) knownKeys() []string { return append(sortedKeys(f.l.settings), channelsKey) }

// channelList reads the list of channels.
func (f *fileReader) channelList(list *yaml.Node) {
	if f.l.src.NoChannels || isNull(list) {
		return
	}
	if list.Kind != yaml.SequenceNode {
		f.fault(list, "channels: a list is wanted, each entry beginning with '- name:'")
		return
	}
	f.channels = []any{}
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			f.fault(item, "channels: an entry is a list of keys and values, beginning with '- name:'")
			continue
		}
		f.channels = append(f.channels, f.channel(item))
	}
}

func (f *fileReader) channel(mapping *yaml.Node) map[string]any {
	settings := map[string]Setting{}
	for _, s := range channelSettings() {
		settings[s.Key] = s
	}
	ch := map[string]any{}
	f.pairs(mapping, func(key string, k, v *yaml.Node) {
		s, known := settings[key]
		if !known {
			f.fault(k, "channels: %s: unknown key%s", key, suggest(key, sortedKeys(settings)))
			return
		}
		got, err := f.channelValue(s, v)
		if err != nil {
			f.fault(k, "channels: %w", err)
			return
		}
		ch[key] = got
	})
	return ch
}

// channelValue reads one value of a channel: a list of texts for the secrets,
// of which one may stand alone.
func (f *fileReader) channelValue(s Setting, v *yaml.Node) (any, error) {
	if s.Key != "secrets" {
		if v.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%s: it wants one value", s.Key)
		}
		if isNull(v) {
			return s.parse(s.Default)
		}
		return s.parse(v.Value)
	}
	if isNull(v) {
		return []string{}, nil
	}
	if v.Kind == yaml.ScalarNode {
		return []string{v.Value}, nil
	}
	secrets := []string{}
	for _, item := range v.Content {
		if v.Kind != yaml.SequenceNode || item.Kind != yaml.ScalarNode {
			return nil, errors.New("secrets: a list of texts is wanted")
		}
		secrets = append(secrets, item.Value)
	}
	return secrets, nil
}

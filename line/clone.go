package line

import (
	"encoding/json"
	"errors"
	"reflect"
)

// depthLimit is how deep a message may nest: LINE takes far less, and a message
// that holds itself must end somewhere.
const depthLimit = 200

var errTooDeep = errors.New("message nests too deeply or holds itself")

// addressable returns a deep copy of m in which every struct can be encoded by
// its own MarshalJSON.
//
// The SDK's MarshalJSON methods have pointer receivers and set the "type" of
// what they hold. So a struct by value, at the top or within an interface, would
// lose its type, and a message shared by two goroutines would be written to
// by both.
func addressable(m Message) (any, error) {
	src := reflect.ValueOf(&m).Elem()
	dst := reflect.New(src.Type()).Elem()
	if err := clone(dst, src, 0); err != nil {
		return nil, err
	}
	return dst.Interface(), nil
}

// clone sets dst, which is settable, to a deep copy of src of the same type.
func clone(dst, src reflect.Value, depth int) error {
	if depth > depthLimit {
		return errTooDeep
	}
	dst.Set(src)
	switch src.Kind() {
	case reflect.Struct:
		for i := range src.NumField() {
			if f := dst.Field(i); f.CanSet() && holdsStructs(f.Kind()) {
				if err := clone(f, src.Field(i), depth+1); err != nil {
					return err
				}
			}
		}
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(src.Type().Elem()))
			return clone(dst.Elem(), src.Elem(), depth+1)
		}
	case reflect.Slice:
		return cloneSlice(dst, src, depth)
	case reflect.Map:
		return cloneMap(dst, src, depth)
	case reflect.Interface:
		return cloneInterface(dst, src, depth)
	}
	return nil
}

// holdsStructs reports whether a value of this kind may lead to a struct.
// Strings, numbers and the like are copied by assignment.
func holdsStructs(k reflect.Kind) bool {
	switch k {
	case reflect.Struct, reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return false
}

func cloneSlice(dst, src reflect.Value, depth int) error {
	if src.IsNil() || !holdsStructs(src.Type().Elem().Kind()) {
		return nil
	}
	dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
	for i := range src.Len() {
		if err := clone(dst.Index(i), src.Index(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func cloneMap(dst, src reflect.Value, depth int) error {
	elem := src.Type().Elem()
	if src.IsNil() || !holdsStructs(elem.Kind()) {
		return nil
	}
	dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
	for k, v := range src.Seq2() {
		copied := reflect.New(elem).Elem()
		if err := clone(copied, v, depth+1); err != nil {
			return err
		}
		dst.SetMapIndex(k, copied)
	}
	return nil
}

// cloneInterface copies what an interface holds and makes a struct in it a
// pointer, where that also fits the interface.
func cloneInterface(dst, src reflect.Value, depth int) error {
	if src.IsNil() {
		return nil
	}
	held := src.Elem()
	if raw, ok := unknownRaw(held); ok && reflect.TypeFor[*unknown]().AssignableTo(src.Type()) {
		dst.Set(reflect.ValueOf(raw))
		return nil
	}
	box := reflect.New(held.Type())
	if err := clone(box.Elem(), held, depth+1); err != nil {
		return err
	}
	if held.Kind() == reflect.Struct && box.Type().AssignableTo(src.Type()) {
		dst.Set(box)
	} else {
		dst.Set(box.Elem())
	}
	return nil
}

// unknown is an object that the SDK read and does not know, such as its
// UnknownMessage. It is encoded as it was read.
type unknown struct {
	kind string
	raw  map[string]json.RawMessage
}

func (u *unknown) GetType() string              { return u.kind }
func (u *unknown) MarshalJSON() ([]byte, error) { return json.Marshal(u.raw) }

// unknownRaw recognizes the SDK's types for what it does not know by their
// form: a struct, or a pointer to one, of the fields Type and Raw beside the
// embedded interface.
func unknownRaw(v reflect.Value) (*unknown, bool) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct || v.NumField() != 3 {
		return nil, false
	}
	kind, raw := v.FieldByName("Type"), v.FieldByName("Raw")
	if !kind.IsValid() || kind.Kind() != reflect.String || !raw.IsValid() || !raw.CanInterface() {
		return nil, false
	}
	m, ok := raw.Interface().(map[string]json.RawMessage)
	if !ok {
		return nil, false
	}
	return &unknown{kind: kind.String(), raw: m}, true
}

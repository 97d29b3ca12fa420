package config

import "reflect"

// effect is what one directive, its arguments understood, does to the
// configuration. Exactly one of the functions is set; a directive without an
// effect is the zero value.
type effect struct {
	settings func(*Settings)
	server   func(*Server)
	process  func(*Process)
	class    func(*Class)
	limit    func(*LimitSection)
}

// overlaid applies effects to a copy of settings that others share. Setters
// append to slices and write to maps, so the copy gets slices without spare
// room and maps of its own.
func overlaid(base *Settings, set []effect) *Settings {
	merged := *base
	detach(reflect.ValueOf(&merged).Elem())
	for _, e := range set {
		if e.settings != nil {
			e.settings(&merged)
		}
	}
	return &merged
}

// detach visits the fields of nested structs.
func detach(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Field(i); field.CanSet() {
				detach(field)
			}
		}
	case reflect.Slice:
		v.Set(v.Slice3(0, v.Len(), v.Len()))
	case reflect.Map:
		if v.IsNil() {
			return
		}
		clone := reflect.MakeMapWithSize(v.Type(), v.Len())
		for key, value := range v.Seq2() {
			clone.SetMapIndex(key, value)
		}
		v.Set(clone)
	}
}

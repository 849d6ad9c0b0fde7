// SPDX-License-Identifier: MIT
// A value that most of its owners never need: it takes a pointer's room until it is written to. Reads as
// a value that was never set. Copies like the value itself.
#pragma once

#include <memory>

namespace leash {

template <class T> class Seldom {
  public:
    Seldom() = default;
    Seldom(const Seldom& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
    Seldom(Seldom&&) noexcept = default;
    Seldom& operator=(const Seldom& other) {
        if (this != &other) value_ = other.value_ ? std::make_unique<T>(*other.value_) : nullptr;
        return *this;
    }
    Seldom& operator=(Seldom&&) noexcept = default;
    Seldom& operator=(T value) {
        edit() = std::move(value);
        return *this;
    }
    ~Seldom() = default;

    [[nodiscard]] const T& get() const {
        static const T never_set{};
        return value_ ? *value_ : never_set;
    }
    [[nodiscard]] const T& operator*() const { return get(); }
    [[nodiscard]] const T* operator->() const { return &get(); }
    // From here on it has room of its own.
    [[nodiscard]] T& edit() {
        if (!value_) value_ = std::make_unique<T>();
        return *value_;
    }
    void clear() { value_.reset(); }
    [[nodiscard]] bool is_set() const { return value_ != nullptr; }

    friend bool operator==(const Seldom& a, const Seldom& b) { return a.get() == b.get(); }

  private:
    std::unique_ptr<T> value_;
};

} // namespace leash

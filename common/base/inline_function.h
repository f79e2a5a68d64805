#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace convergia {

template <typename Signature, size_t kBytes>
class InlineFunction;

// A move-only callback that never allocates: its captures lie within it and must fit in kBytes. It
// is for callbacks that are made for every message; absl::AnyInvocable allocates for captures over
// 16 bytes. Not thread-safe.
//
//   InlineFunction<void(int), 24> done = [responder = std::move(responder)](int n) mutable {...};
template <typename... Args, size_t kBytes>
class InlineFunction<void(Args...), kBytes> {
 public:
  InlineFunction() = default;  // Calls nothing.

  template <typename Function>
  requires(!std::is_same_v<std::remove_cvref_t<Function>, InlineFunction> &&
           std::is_invocable_v<Function&, Args...>)
      // Implicit, as with other callbacks. NOLINTNEXTLINE(google-explicit-constructor)
      InlineFunction(Function function)
      : type_(&kTypeOf<Function>) {
    static_assert(sizeof(Function) <= kBytes, "the captures do not fit");
    static_assert(alignof(Function) <= alignof(void*));
    static_assert(std::is_nothrow_move_constructible_v<Function>);
    std::construct_at(As<Function>(bytes_), std::move(function));
  }

  InlineFunction(InlineFunction&& other) noexcept { TakeFrom(other); }
  InlineFunction& operator=(InlineFunction&& other) noexcept {
    if (this == &other) return *this;
    Reset();
    TakeFrom(other);
    return *this;
  }
  ~InlineFunction() { Reset(); }

  // False if there is nothing to call.
  explicit operator bool() const { return type_ != nullptr; }

  // The function must be there.
  void operator()(Args... args) { type_->call(bytes_, std::forward<Args>(args)...); }

 private:
  // The operations on captures of one type.
  struct Type {
    void (*call)(void* bytes, Args&&... args);
    void (*move)(void* from, void* to);  // Ends the life of `from`.
    void (*destroy)(void* bytes);
  };

  template <typename Function>
  static Function* As(void* bytes) {
    return static_cast<Function*>(bytes);
  }

  template <typename Function>
  static constexpr Type kTypeOf = {
      [](void* bytes, Args&&... args) { (*As<Function>(bytes))(std::forward<Args>(args)...); },
      [](void* from, void* to) {
        std::construct_at(As<Function>(to), std::move(*As<Function>(from)));
        std::destroy_at(As<Function>(from));
      },
      [](void* bytes) { std::destroy_at(As<Function>(bytes)); }};

  void TakeFrom(InlineFunction& other) {
    type_ = std::exchange(other.type_, nullptr);
    if (type_ != nullptr) type_->move(other.bytes_, bytes_);
  }
  void Reset() {
    if (const Type* const type = std::exchange(type_, nullptr)) type->destroy(bytes_);
  }

  const Type* type_ = nullptr;
  alignas(void*) std::byte bytes_[kBytes];
};

}  // namespace convergia

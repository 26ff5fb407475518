// From callbacks to coroutines: a handler waits for what other threads will tell, and goes on on
// its connection's own strand.
//
// What is awaited is made in a statement of its own: GCC 12 destroys temporaries of an expression
// with co_await twice when a lambda holds them.
#pragma once

#include <absl/functional/any_invocable.h>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace gridledger::gateway {

template <class T>
using Told = absl::AnyInvocable<void(T)>;

// Calls `begin` with what is to be called once, from any thread, with the result.
template <class T>
boost::asio::awaitable<T> Await(absl::AnyInvocable<void(Told<T>)> begin) {
  namespace asio = boost::asio;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      [](auto handler, absl::AnyInvocable<void(Told<T>)> start) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        start([shared](T result) mutable {
          const auto executor = asio::get_associated_executor(*shared);
          asio::post(executor, [shared = std::move(shared), result = std::move(result)]() mutable {
            std::move (*shared)(std::move(result));
          });
        });
      },
      asio::use_awaitable, std::move(begin));
}

}  // namespace gridledger::gateway

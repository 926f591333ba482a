package com.spkipinning

import java.io.IOException
import java.util.concurrent.ConcurrentHashMap
import okhttp3.CacheControl
import okhttp3.Call
import okhttp3.HttpUrl
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.Response

/**
 * What OkHttp's cache answers in a pinned host's place. No connection is made for it, so that none is judged; and it may be
 * from before the pins. But OkHttp keeps the certificates that it came by.
 */
internal object CachedAnswers {
    /** Where the network is asked next in the course of a call, unless the cache answers there with another redirect. */
    private val expected = ConcurrentHashMap<Call, HttpUrl>()

    /** The cache redirects to another host, perhaps by way of one that is pinned. */
    private class RedirectOutOfCache : IOException("a redirect that may be a pinned host's came out of the cache")

    /** As an application interceptor: goes on, and asks afresh instead of taking what does not stand up to the pins. */
    fun proceed(chain: Interceptor.Chain, hostsOf: (Request) -> Set<String>): Response {
        val request = chain.request()
        expected[chain.call()] = request.url
        val response = try {
            chain.proceed(request)
        } catch (_: RedirectOutOfCache) {
            null
        } finally {
            expected.remove(chain.call())
        }
        if (response == null) return afresh(chain)
        val refusal = refusal(response, hostsOf) ?: return response
        response.close()
        if (request.cacheControl.onlyIfCached) throw refusal
        return afresh(chain)
    }

    /** Why an answer, or one that has redirected to it, must not be taken out of the cache; null if none was, or all may be. */
    private fun refusal(last: Response, hostsOf: (Request) -> Set<String>): SslPinningException? {
        var answer: Response? = last
        while (answer != null) {
            refusalOfOne(answer, hostsOf)?.let { return it }
            answer = answer.priorResponse
        }
        return null
    }

    private fun refusalOfOne(answer: Response, hostsOf: (Request) -> Set<String>): SslPinningException? {
        val cached = answer.cacheResponse ?: return null
        if (!answer.request.isHttps) return null
        return hostsOf(answer.request).firstNotNullOfOrNull { host -> Judge.evaluate(host) { chainOf(cached.handshake) } }
    }

    private fun afresh(chain: Interceptor.Chain): Response =
        chain.proceed(chain.request().newBuilder().cacheControl(CacheControl.FORCE_NETWORK).build())

    /**
     * As a network interceptor, before a request leaves: what a redirect leads to must not get it on the cache's word alone.
     */
    fun proceedToNetwork(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val url = expected[chain.call()] ?: return chain.proceed(request)
        if (isElsewhere(url, request.url) && isAnyHostEnforced()) throw RedirectOutOfCache()
        val response = chain.proceed(request)
        val next = response.header("Location")?.let(request.url::resolve) ?: request.url
        if (next != url) expected.replace(chain.call(), next)
        return response
    }

    private fun isElsewhere(some: HttpUrl, other: HttpUrl) = some.host != other.host || some.isHttps != other.isHttps

    /** The cache may have several redirects in a row, and nobody is told of whom. */
    private fun isAnyHostEnforced() = Judge.evaluate(null) { Chain(emptyList(), isValidated = true) } != null
}

package com.spkipinning

import java.io.IOException
import okhttp3.CacheControl
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
    private class Expected(var url: HttpUrl)

    /** The cache redirects to another host, perhaps by way of one that is pinned. */
    private class RedirectOutOfCache : IOException("a redirect that may be a pinned host's came out of the cache")

    /** As an application interceptor: goes on, and asks afresh instead of taking what does not stand up to the pins. */
    fun proceed(chain: Interceptor.Chain, hostsOf: (Request) -> Set<String>): Response {
        val request = chain.request()
        val response = try {
            chain.proceed(request.newBuilder().tag(Expected::class.java, Expected(request.url)).build())
        } catch (_: RedirectOutOfCache) {
            return afresh(chain)
        }
        val refusal = generateSequence(response) { it.priorResponse }.firstNotNullOfOrNull { refusal(it, hostsOf) }
        if (refusal == null) return response
        response.close()
        if (request.cacheControl.onlyIfCached) throw refusal
        return afresh(chain)
    }

    /** Why an answer must not be taken out of the cache; null if it was not, or may be. */
    private fun refusal(answer: Response, hostsOf: (Request) -> Set<String>): SslPinningException? {
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
        val expected = request.tag(Expected::class.java) ?: return chain.proceed(request)
        if (isElsewhere(expected.url, request.url) && isAnyHostEnforced()) throw RedirectOutOfCache()
        val response = chain.proceed(request)
        expected.url = response.header("Location")?.let(request.url::resolve) ?: request.url
        return response
    }

    private fun isElsewhere(some: HttpUrl, other: HttpUrl) = some.host != other.host || some.isHttps != other.isHttps

    /** The cache may have several redirects in a row, and nobody is told of whom. */
    private fun isAnyHostEnforced() = Judge.evaluate(null) { Chain(emptyList(), isValidated = true) } != null
}
